/**
 * Decides which parts write their state in full at the next checkpoint, although they could write changes. Pure.
 *
 *  B1  A part is due when of one of its sections more than half of the state was written in vain, or when its chain
 *      has CHAIN_FILES_MAX files. So, apart from what B2 adds, a restore reads at most half as much again as the state,
 *      and the cost of writing in full is spread over that many changes. In vain are values that a later file of the
 *      chain has again or takes back, where sections count them: state that only grows is not written in full because
 *      of its size. Where they do not, all changes count as such.
 *  B2  At one checkpoint at most a quarter of the parts with chains (at least one) has to write in full, the most
 *      overdue first: so instances that began together do not all write everything at once. A due part
 *      waits for three checkpoints at most before it is among the most overdue quarter.
 *  B3  A part that is small as a whole is always written in full: that costs less than one more file.
 */

import { chainOf, filesOf } from './parts/part-chain.js';
import type { PartDescriptor, StoredSection } from './store.js';

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
    const chain = (chainOf(part, section) ?? []).map(
      ({ file, section: index }) => file.sections[index]!,
    );
    if (chain.length === 0) continue;
    const { live, vain } = shareOf(chain);
    most = Math.max(
      most,
      vain / Math.max(1, live * DELTA_SHARE_MAX),
      chain.length / CHAIN_FILES_MAX,
    );
  }
  return most;
}

/** What a chain of sections holds for the state, and beside it: in values where all of them count these, or in bytes. */
function shareOf(chain: readonly StoredSection[]): {
  readonly live: number;
  readonly vain: number;
} {
  const live = chain.at(-1)!.live;
  if (live !== undefined && chain.every(({ entries }) => entries !== undefined)) {
    return { live, vain: sumOf(chain, ({ entries }) => entries!) - live };
  }
  const [full, ...deltas] = chain;
  return { live: full!.bytes, vain: sumOf(deltas, ({ bytes }) => bytes) };
}

function sumOf(chain: readonly StoredSection[], of: (section: StoredSection) => number): number {
  return chain.reduce((sum, section) => sum + of(section), 0);
}
