/** How a run can go on when checkpoints are damaged: which ones are whole, and what that costs. */

import type { DirectoryReport } from './inspect/inspect-directory.js';

export type WayOn =
  /** The newest is whole: a restore of the latest meets no damage. */
  | { readonly kind: 'latest'; readonly checkpoint: number }
  /** The newest whole one is older. `laterMs`: from it to the newest checkpoint whose time is known. */
  | {
      readonly kind: 'older';
      readonly checkpoint: number;
      /** Damaged checkpoints above it, newest first: a run that starts from it forgets them. */
      readonly damaged: readonly number[];
      readonly laterMs: number | undefined;
      /** Records that the sources will read again, if the newest checkpoint's manifest tells. */
      readonly records: number | undefined;
    }
  | { readonly kind: 'none' };

/** Undefined when there are no checkpoints, or all are whole. Takes a report with `verified`. */
export function wayOn(report: DirectoryReport): WayOn | undefined {
  const known = report.checkpoints;
  const whole = known.filter(({ damage }) => damage.length === 0);
  const broken = [...known.filter(({ damage }) => damage.length > 0), ...report.damaged]
    .map(({ checkpoint }) => checkpoint)
    .sort((a, b) => b - a);
  if (broken.length === 0) return undefined;
  const best = whole[0];
  if (best === undefined) return { kind: 'none' };
  if (best.checkpoint > broken[0]!) return { kind: 'latest', checkpoint: best.checkpoint };
  const newest = known[0]!;
  const isTold = newest.checkpoint > best.checkpoint;
  return {
    kind: 'older',
    checkpoint: best.checkpoint,
    damaged: broken.filter((id) => id > best.checkpoint),
    laterMs: isTold ? newest.createdAtMs - best.createdAtMs : undefined,
    records: isTold ? newest.sourceRecords - best.sourceRecords : undefined,
  };
}
