/**
 * What a join keeps of one input, for each key: rows by event time, and those of one time in the order in which they
 * came. The slot of a key holds a Map from the time to its rows, which are changed in place.
 */

import type { JoinRow, JoinRows } from '../joins/join-context.js';
import { Handle } from './handle.js';

type Entries = Map<number, JoinRow[]>;

export class RowsHandle extends Handle implements JoinRows {
  add(timeMs: number, record: unknown, afterMs: number): JoinRow {
    const { state } = this;
    const row: JoinRow = [this.kept(record), afterMs, false];
    const entries = this.#entries();
    if (entries === undefined) {
      this.put(new Map([[timeMs, [row]]]));
      return row;
    }
    state.change();
    const rows = entries.get(timeMs);
    if (rows === undefined) {
      entries.set(timeMs, [row]);
      if (state.undoes) state.note(() => entries.delete(timeMs));
    } else {
      rows.push(row);
      if (state.undoes) state.note(() => rows.pop());
    }
    return row;
  }

  record([kept]: JoinRow): unknown {
    return this.keeper.keep(kept);
  }

  match(row: JoinRow): void {
    if (row[2]) return;
    const { state } = this;
    state.change();
    row[2] = true;
    if (!state.undoes) return;
    state.note(() => {
      row[2] = false;
    });
  }

  takeBack(row: JoinRow, timeMs: number, afterMs: number): void {
    const { state } = this;
    state.change();
    row[3] = [timeMs, afterMs];
    if (!state.undoes) return;
    state.note(() => {
      row.length = 3;
    });
  }

  all(): readonly (readonly [number, readonly JoinRow[]])[] {
    return [...(this.#entries() ?? [])];
  }

  between(fromMs: number, toMs: number): readonly (readonly [number, readonly JoinRow[]])[] {
    const entries = this.#entries();
    if (fromMs === toMs) {
      const rows = entries?.get(fromMs);
      return rows === undefined ? [] : [[fromMs, rows]];
    }
    const found: (readonly [number, readonly JoinRow[]])[] = [];
    for (const entry of entries ?? []) {
      if (entry[0] >= fromMs && entry[0] <= toMs) found.push(entry);
    }
    return found.length > 1 ? found.sort(([a], [b]) => a - b) : found;
  }

  remove(timeMs: number, keepFrom = Number.POSITIVE_INFINITY): void {
    if (keepFrom > 0) this.#keepOf(timeMs, (rows) => rows.slice(keepFrom));
  }

  removeRow(timeMs: number, row: JoinRow): void {
    this.#keepOf(timeMs, (rows) => rows.filter((one) => one !== row));
  }

  #keepOf(timeMs: number, choose: (rows: readonly JoinRow[]) => JoinRow[]): void {
    const entries = this.#entries();
    const rows = entries?.get(timeMs);
    if (entries === undefined || rows === undefined) return;
    const { state } = this;
    state.change();
    if (state.undoes) state.note(() => entries.set(timeMs, rows));
    const left = choose(rows);
    if (left.length > 0) entries.set(timeMs, left);
    else entries.delete(timeMs);
    if (entries.size > 0) return;
    this.put(undefined);
    state.emptied();
  }

  shown(): ReadonlyMap<number, readonly unknown[]> {
    return new Map(
      this.between(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY).map(([timeMs, rows]) => [
        timeMs,
        rows.map((row) => this.record(row)),
      ]),
    );
  }

  purge(): number {
    return Number.POSITIVE_INFINITY; // Joins set timers of their own.
  }

  #entries(): Entries | undefined {
    return this.state.read(this.slot) as Entries | undefined;
  }
}
