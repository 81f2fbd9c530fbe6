/**
 * Decides which parts write their state in full at the next checkpoint, although they could write changes. Pure.
 *
 *  B1  A part is due when the changes of one of its sections together exceed half of the full section, or when
 *      its chain has CHAIN_FILES_MAX files. So, apart from what B2 adds, a restore reads at most half as much
 *      again as the state, and the cost of writing in full is spread over that many changes.
 *  B2  At one checkpoint at most a quarter of the parts with chains (at least one) has to write in full, the most
 *      overdue first: so instances that began together do not all write everything at once. A due part
 *      waits for three checkpoints at most before it is among the most overdue quarter.
 *  B3  A part that is small as a whole is always written in full: that costs less than one more file.
 */

import { chainOf, filesOf } from './parts/part-chain.js';
import type { PartDescriptor } from './store.js';

export const CHAIN_FILES_MAX = 40;
const DELTA_SHARE_MAX = 0.5;
const SHARE_AT_ONCE = 0.25;
export const SMALL_PART_BYTES = 64 * 1024;

/** @param parts of the checkpoint on which the next one would build */
export function partsToRewrite(parts: readonly PartDescriptor[]): readonly PartDescriptor[] {
  const small = parts.filter(isSmall);
  const chained = parts.filter((part) => part.earlier !== undefined && !isSmall(part));
  const most = Math.max(1, Math.ceil(chained.length * SHARE_AT_ONCE));
  const due = chained
    .map((part) => ({ part, due: overdue(part) }))
    .filter((entry) => entry.due >= 1)
    .sort((a, b) => b.due - a.due)
    .slice(0, most)
    .map(({ part }) => part);
  return [...small, ...due];
}

function isSmall(part: PartDescriptor): boolean {
  let sum = 0;
  for (const { bytes } of filesOf(part)) sum += bytes;
  return sum < SMALL_PART_BYTES;
}

/** From 1 on the part is due; the more it exceeds 1, the more urgently. */
function overdue(part: PartDescriptor): number {
  let most = 0;
  for (const section of part.sections) {
    if (section.delta !== true) continue;
    const [full, ...deltas] = (chainOf(part, section) ?? []).map(
      ({ file, section: index }) => file.sections[index]!.bytes,
    );
    if (full === undefined) continue;
    const changes = deltas.reduce((sum, bytes) => sum + bytes, 0);
    most = Math.max(
      most,
      changes / Math.max(1, full * DELTA_SHARE_MAX),
      (deltas.length + 1) / CHAIN_FILES_MAX,
    );
  }
  return most;
}
