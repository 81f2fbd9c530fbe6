/**
 * What must hold, whatever happens: asked at every commit, at every step of the store, and at the end.
 * The numbers are those of the guarantees.
 */

import type { Manifest, PartDescriptor, PartInput } from '../../src/checkpoint/store.js';
import type { ByClock, ExpectedAtRest, ExpectedSink } from './reference.js';
import type { SinkWatch } from './sim-sinks.js';
import type { Row } from './topology.js';

export class Oracle implements SinkWatch {
  readonly #expected = new Map<string, ExpectedSink>();
  /** By sink, then group. */
  readonly #committed = new Map<string, Map<string, string[]>>();
  readonly #parts = new Map<string, Set<string>>();
  /** By operator: greatest epoch that its tasks were started in. */
  readonly #started = new Map<string, number>();
  readonly violations: string[] = [];
  /**
   * Without a key, order is a matter of the path: what was in flight at a rescale and what came later
   * may reach two instances of a sink, whose rows of one checkpoint have no order between them.
   */
  hasNewPaths = false;
  #checkpoint = 0;
  #epoch = 0;

  constructor(expected: readonly ExpectedSink[]) {
    for (const sink of expected) {
      this.#expected.set(sink.id, sink);
      this.#committed.set(sink.id, new Map());
      this.#parts.set(sink.id, new Set());
    }
  }

  /** One of its own, that has seen what this one has, and goes on from there. */
  copy(): Oracle {
    const copy = new Oracle([...this.#expected.values()]);
    for (const [id, groups] of this.#committed) {
      for (const [group, rows] of groups) copy.#committed.get(id)!.set(group, [...rows]);
    }
    for (const [id, parts] of this.#parts) {
      for (const part of parts) copy.#parts.get(id)!.add(part);
    }
    for (const [operator, epoch] of this.#started) copy.#started.set(operator, epoch);
    copy.#checkpoint = this.#checkpoint;
    copy.#epoch = this.#epoch;
    copy.hasNewPaths = this.hasNewPaths;
    return copy;
  }

  violated(what: string): void {
    if (this.violations.length < 20) this.violations.push(what);
  }

  // ---- output: I11, I12, I13, I24, I26 -----------------------------------------------------------

  committed(id: string, rows: readonly Row[], part: string): void {
    // The same part again: a power cut had undone the rename.
    if (this.#parts.get(id)!.has(part)) return;
    this.#parts.get(id)!.add(part);
    this.#append(id, rows);
  }

  partsOf(id: string): Iterable<string> {
    return this.#parts.get(id)!;
  }

  /** All rows of a sink as they are now. */
  shown(id: string, rows: readonly Row[]): void {
    this.#committed.get(id)!.clear();
    this.#append(id, rows);
  }

  #append(id: string, rows: readonly Row[]): void {
    const groups = this.#committed.get(id)!;
    const changed = new Set<string>();
    for (const { g, r } of rows) {
      const group = groups.get(g);
      if (group === undefined) groups.set(g, [r]);
      else group.push(r);
      changed.add(g);
    }
    for (const group of changed) this.#checkGroup(id, group);
  }

  /** Nothing is visible that must not be: repeated, invented, or out of order. */
  #checkGroup(id: string, group: string): void {
    const { groups, order: promised, unkeyed, byClock } = this.#expected.get(id)!;
    const order = promised === 'exact' && unkeyed && this.hasNewPaths ? 'free' : promised;
    const found = this.#committed.get(id)!.get(group)!;
    const expected = groups.get(group) ?? [];
    if (byClock !== undefined) {
      this.#checkWindows(id, group, found, expected, byClock);
    } else if (order === 'exact') {
      const at = found.findIndex((row, index) => row !== expected[index]);
      if (at !== -1) {
        this.violated(
          `I11: sink '${id}', group '${group}': row ${at} is ${found[at]}, must be ${expected[at] ?? 'none'}`,
        );
      }
    } else if (order === 'free') {
      const extra = surplus(found, expected);
      if (extra !== undefined) {
        this.violated(`I11: sink '${id}', group '${group}': ${extra} is there too often`);
      }
    } else {
      this.#checkAgain(id, group, found);
    }
  }

  /** I24: a window that has fired comes again for a late record, and with it. */
  #checkAgain(id: string, group: string, rows: readonly string[]): void {
    const counts = new Map<string, number>();
    for (const row of rows) {
      const [start, n] = row.split(':') as [string, string];
      if (Number(n) <= (counts.get(start) ?? 0)) {
        this.violated(
          `I24: sink '${id}', key '${group}': window ${start} has ${n} behind ${counts.get(start)}`,
        );
      }
      counts.set(start, Number(n));
    }
  }

  /** I25: no window has more than is in time by its own splits, and none comes back, or goes back. */
  #checkWindows(
    id: string,
    group: string,
    rows: readonly string[],
    most: readonly string[],
    { allowsLateness }: ByClock,
  ): void {
    const counts = new Map(most.map((row) => row.split(':') as [string, string]));
    let newest = Number.NEGATIVE_INFINITY;
    for (const row of rows) {
      const [start, n] = row.split(':') as [string, string];
      if (!(Number(n) <= Number(counts.get(start)))) {
        this.violated(
          `I25: sink '${id}', key '${group}': window ${start} has ${n}, at most ${counts.get(start)} are in time`,
        );
      }
      if (!allowsLateness && Number(start) <= newest) {
        this.violated(
          `I24: sink '${id}', key '${group}': window ${start} comes behind window ${newest}`,
        );
      }
      newest = Math.max(newest, Number(start));
    }
    if (allowsLateness) this.#checkAgain(id, group, rows);
  }

  /**
   * While splits rest: what has not come out that must (I25).
   * @returns undefined when nothing is missing
   */
  missingAtRest(expected: readonly ExpectedAtRest[]): string | undefined {
    for (const { sink, late, windows, rows } of expected) {
      const committed = this.#committed.get(sink)!;
      let found = 0;
      for (const group of committed.values()) found += group.length;
      if (found < rows) return `sink '${sink}' has ${found} rows, must have ${rows}`;
      for (const [pane, given] of windows) {
        const count = this.#countOf(sink, late, pane);
        if (count >= given) continue;
        return `sink '${sink}': of ${given} records in window '${pane}' ${count} have come out`;
      }
    }
    return undefined;
  }

  /** Of records in a window, in time or late. @param pane `key/window` */
  #countOf(id: string, late: string | undefined, pane: string): number {
    const at = pane.lastIndexOf('/');
    const [group, start] = [pane.slice(0, at), pane.slice(at + 1)];
    const of = (sink: string) =>
      (this.#committed.get(sink)!.get(group) ?? []).filter((row) => row.startsWith(`${start}:`));
    const inTime = Number(of(id).at(-1)?.split(':')[1] ?? 0);
    return inTime + (late === undefined ? 0 : of(late).length);
  }

  /** I25: what is not in its window is late, and nothing is both. */
  #checkConserved(id: string, { late, counts }: ByClock): void {
    for (const [pane, given] of counts) {
      const count = this.#countOf(id, late, pane);
      if (count === given) continue;
      this.violated(
        `I25: sink '${id}': of ${given} records in window '${pane}' ${count} are in time or late`,
      );
    }
  }

  #checkLeast(id: string, least: NonNullable<ExpectedSink['least']>): void {
    for (const [group, rows] of least) {
      const missing = surplus(rows, this.#committed.get(id)!.get(group) ?? []);
      if (missing === undefined) continue;
      this.violated(`I24: sink '${id}', key '${group}': ${missing} is late, and is not there`);
    }
  }

  /** Nothing is missing. */
  finished(): void {
    for (const [id, { groups, order, byClock, least }] of this.#expected) {
      const all = this.#committed.get(id)!;
      if (byClock !== undefined) this.#checkConserved(id, byClock);
      if (least !== undefined) this.#checkLeast(id, least);
      if (byClock !== undefined || least !== undefined) continue;
      for (const group of new Set([...groups.keys(), ...(order === 'last' ? all.keys() : [])])) {
        const rows = groups.get(group) ?? [];
        const found = order === 'last' ? lastOfWindows(all.get(group)) : (all.get(group) ?? []);
        if (order === 'last') this.#checkLast(id, group, found, rows);
        if (found.length === rows.length) continue;
        this.violated(
          `I11: sink '${id}', group '${group}': ${found.length} rows, must be ${rows.length}`,
        );
      }
    }
  }

  #checkLast(id: string, group: string, found: readonly string[], rows: readonly string[]): void {
    const wrong = surplus(found, rows);
    if (wrong === undefined) return;
    this.violated(`I24: sink '${id}', key '${group}': the last row of a window is ${wrong}`);
  }

  // ---- epochs: I14, I16, I17 ---------------------------------------------------------------------

  /** The tasks of these operators run now, in this epoch. */
  started(operators: readonly string[], epoch: number): void {
    for (const operator of operators) {
      const before = this.#started.get(operator) ?? 0;
      if (epoch < before) this.violated(`I16: '${operator}' went from epoch ${before} to ${epoch}`);
      this.#started.set(operator, Math.max(epoch, before));
    }
  }

  written(operator: string, epoch: number): void {
    const now = this.#started.get(operator) ?? 0;
    if (epoch < now) {
      this.violated(`I14: a task of epoch ${epoch} writes to '${operator}', which is in ${now}`);
    }
  }

  epochGiven(epoch: number): void {
    if (epoch <= this.#epoch) this.violated(`I16: epoch ${epoch} after ${this.#epoch}`);
    this.#epoch = Math.max(epoch, this.#epoch);
  }

  // ---- checkpoints: I6, I7 -----------------------------------------------------------------------

  manifestWritten(
    manifest: Manifest,
    parts: ReadonlyMap<string, PartInput>,
    tasks: ReadonlySet<string>,
    isDurable: (part: PartDescriptor) => boolean,
  ): void {
    const { checkpoint } = manifest;
    if (checkpoint <= this.#checkpoint) {
      this.violated(`I7: checkpoint ${checkpoint} completed after ${this.#checkpoint}`);
    }
    this.#checkpoint = Math.max(checkpoint, this.#checkpoint);
    const missing = new Set(tasks);
    for (const part of manifest.parts) {
      missing.delete(`${part.vertex}/${part.instance}`);
      if (part.file === '') continue;
      const input = parts.get(part.file);
      if (input?.checkpoint !== checkpoint) {
        this.violated(`I6: checkpoint ${checkpoint} names a part of ${input?.checkpoint}`);
      }
      if (!isDurable(part)) {
        this.violated(`I6: checkpoint ${checkpoint} is complete, '${part.vertex}' is not durable`);
      }
    }
    if (missing.size > 0) {
      this.violated(`I6: checkpoint ${checkpoint} is complete without ${[...missing].join(', ')}`);
    }
  }
}

/** The last row of each window. */
function lastOfWindows(rows: readonly string[] = []): readonly string[] {
  return [...new Map(rows.map((row) => [row.split(':')[0], row])).values()];
}

function surplus(found: readonly string[], expected: readonly string[]): string | undefined {
  const left = new Map<string, number>();
  for (const row of expected) add(left, row, 1);
  return found.find((row) => add(left, row, -1) < 0);
}

function add(to: Map<string, number>, key: string, by: number): number {
  const next = (to.get(key) ?? 0) + by;
  to.set(key, next);
  return next;
}
