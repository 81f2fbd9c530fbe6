/**
 * What becomes of the rows of windows, which fire again for records within the allowed lateness: a spec of `process`.
 *
 *  R1  A row replaces the one that the same window of its key has emitted before. That of a session replaces those of the
 *      sessions that it has been made of, which it tells (session-operator.ts, N4): they are gone, in order of time, and it
 *      is new; or, if it is only one, it is replaced.
 *  R2  A row is kept for as long as its window can fire again: `latenessMs` behind its own time. It goes with the watermark
 *      that frees the window, which stands right before this operator in its chain.
 *  R3  Timers are from the lateness of the run that has set them. One that is not that of a row lets go of all rows that are
 *      over by now, and sets those of the others.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Output } from '../api/output.js';
import type { ProcessSpecData, Timers } from '../api/process.js';
import { type OwnedState, owned } from '../api/state-specs.js';
import type { WindowBounds } from '../api/windows.js';
import { emitChange, type Row } from './changes.js';

type WindowRow = Row & WindowBounds & { readonly replaces?: readonly WindowBounds[] };

/** By the end of its window, which no other window of the key has. */
type Kept = Map<number, WindowRow>;

interface Context {
  readonly state: { readonly kept: OwnedState<Kept> };
  readonly timers: Timers;
}

/** @param lastMs from a window's end to its last moment: 0 where the end is of the window */
export function windowChangesSpec(latenessMs: number, lastMs: 0 | -1): ProcessSpecData {
  return {
    state: { kept: owned<Kept>('window-rows') },
    onElement(row: WindowRow, { state: { kept }, timers }: Context, out: Output<unknown>) {
      const rows = kept.get();
      const former = (row.replaces ?? [row]).flatMap((of) => rows?.get(of.windowEnd) ?? []);
      if (latenessMs > 0 && Number.isFinite(row.windowEnd)) {
        keep(kept, kept.keep(row), former);
        timers.eventTime(row.windowEnd + lastMs + latenessMs);
      }
      const [only, ...others] = former;
      if (others.length === 0) {
        if (!isDeepStrictEqual(only, row)) emitChange(out, only, row);
        return;
      }
      for (const one of former) emitChange(out, one, undefined);
      emitChange(out, undefined, row);
    },
    onTimer(time: number, { state: { kept }, timers }: Context) {
      const rows = kept.get();
      if (rows === undefined) return;
      const reach = latenessMs + lastMs;
      const end = time - reach;
      // A session may have become part of a longer one, and under another lateness another row is over, or none (R3).
      const isItsOwn = rows.has(end);
      const over = isItsOwn ? [end] : [...rows.keys()].filter((one) => one <= end);
      if (over.length === rows.size) {
        kept.set(undefined);
        return;
      }
      for (const one of over) {
        const row = rows.get(one)!;
        kept.change(() => rows.set(one, row));
        rows.delete(one);
      }
      if (!isItsOwn) for (const one of rows.keys()) timers.eventTime(one + reach);
    },
  } as ProcessSpecData;
}

/** Keeps the row in place of the former ones. */
function keep(kept: OwnedState<Kept>, row: WindowRow, former: readonly WindowRow[]): void {
  const rows = kept.get();
  if (rows === undefined) {
    kept.set(new Map([[row.windowEnd, row]]));
    return;
  }
  kept.change(() => {
    rows.delete(row.windowEnd);
    for (const one of former) rows.set(one.windowEnd, one);
  });
  for (const one of former) rows.delete(one.windowEnd);
  rows.set(row.windowEnd, row);
}
