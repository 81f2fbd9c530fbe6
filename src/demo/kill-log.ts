/** Notes what became of each kill: the rows of the demo's table, and figures made of them. */

import type { ProcessRestartedEvent } from '../guardian/guarded-job.js';
import type { RestartedEvent } from '../job/job-types.js';
import type { Shown } from '../terminal/escape.js';
import { formatCount, formatMs } from '../terminal/format.js';
import { formatTable } from '../terminal/table.js';
import type { PlannedKill } from './kill-plan.js';

export interface KillRow {
  readonly number: number;
  readonly target: string;
  readonly cause: string;
  readonly detectMs: number;
  /** Time from detection to the first new output. */
  readonly recoverMs: number;
  readonly checkpoint: number | undefined;
  readonly replayed: number;
}

export class KillLog {
  readonly rows: KillRow[] = [];
  /** Recoveries from failures that were no ordered kills. */
  readonly unplanned: KillRow[] = [];
  #ordered: { readonly number: number; readonly planned: PlannedKill } | undefined;

  ordered(number: number, planned: PlannedKill): void {
    this.#ordered = { number, planned };
  }

  /** @returns the row that this recovery completes */
  recovered(event: RestartedEvent | ProcessRestartedEvent): KillRow {
    const { detectMs, recoverMs, checkpoint, replayed } = event;
    const figures = { detectMs, recoverMs, checkpoint, replayed };
    const happened = 'slot' in event ? `slot ${event.slot ?? '?'}` : 'process';
    const ordered = this.#ordered;
    this.#ordered = undefined;
    if (ordered === undefined) {
      const row = { number: 0, target: happened, cause: event.cause, ...figures };
      this.unplanned.push(row);
      return row;
    }
    const { target, cause } = ordered.planned;
    const meant = target.kind === 'process' ? 'process' : `slot ${target.slot}`;
    // A full heap may abort the process. Then the guardian has brought the job back.
    const shown = meant === happened ? meant : `${meant}, ${happened}`;
    const row = { number: ordered.number, target: shown, cause, ...figures };
    this.rows.push(row);
    return row;
  }

  table(): readonly Shown[] {
    const columns = [
      { title: '#', align: 'right' },
      { title: 'killed' },
      { title: 'cause' },
      { title: 'detected', align: 'right' },
      { title: 'first output', align: 'right' },
      { title: 'checkpoint', align: 'right' },
      { title: 'replayed', align: 'right' },
    ] as const;
    return formatTable(
      columns,
      [...this.rows, ...this.unplanned].map((row) => [
        row.number === 0 ? '' : String(row.number),
        row.target,
        row.cause,
        formatMs(row.detectMs),
        formatMs(row.recoverMs),
        row.checkpoint === undefined ? 'none' : String(row.checkpoint),
        formatCount(row.replayed),
      ]),
    );
  }
}

/** The value that half of them do not exceed; 0 for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length / 2) - 1)] ?? 0;
}
