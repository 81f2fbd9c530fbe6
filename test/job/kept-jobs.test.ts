/**
 * Checkpoints of jobs with every kind of state, as version 0.1.0 wrote them half-way (test/golden-jobs/make.mjs): what
 * goes on from them comes to the rows of a run of the same input without a break, whatever the number of slots.
 */

import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { checkJob, type JobDefinition, type JobResult, run, runInline } from '../../dist/index.js';
import joins from './fixtures/joins.job.js';
import { inOrder } from './fixtures/kept/readings.js';
import keptCalls from './fixtures/kept-calls.job.js';
import keptCells from './fixtures/kept-cells.job.js';
import keptChanges from './fixtures/kept-changes.job.js';
import keptProcess, { RULED_FROM, RULES, type State } from './fixtures/kept-process.job.js';
import keptWindows from './fixtures/kept-windows.job.js';
import { goldenCheckpoints } from './golden-kit.js';
import { fixture } from './kit.js';

const VERSION = '0.1.0';
const COUNT = 500;
const CELLS = 1_500;
const CALLS = 60;

/** Rows of windows that fire again for late records: the last one of each counts, and how many they are differs. */
const AGAIN: readonly string[] = ['hour', 'session'];
/** What these say depends on which of two inputs came first. */
const BY_ARRIVAL: readonly string[] = ['ruled', 'ruled keys'];

/** Fractions but for their last digits: rows that a checkpoint holds were computed by an earlier version, on another Node. */
const text = (row: unknown): string =>
  inspect(row, {
    depth: 9,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: null,
  }).replace(/\d+\.\d+/g, (fraction) => String(Number(Number(fraction).toPrecision(12))));

/** Of a window that was replaced nothing is left. */
interface Fired {
  readonly key: unknown;
  readonly windowStart: number;
  readonly windowEnd: number;
  readonly replaces?: readonly { readonly windowStart: number; readonly windowEnd: number }[];
}

function lastRows(rows: readonly Fired[]): readonly unknown[] {
  const last = new Map<string, unknown>();
  for (const { replaces = [], ...row } of rows) {
    const id = ({ windowStart, windowEnd }: Pick<Fired, 'windowStart' | 'windowEnd'>) =>
      `${text(row.key)} ${windowStart} ${windowEnd}`;
    for (const before of replaces) last.delete(id(before));
    last.set(id(row), row);
  }
  return [...last.values()];
}

/** By sink, as texts in an order that no run decides. */
function shown({ collected }: JobResult): Readonly<Record<string, readonly string[]>> {
  const sinks = Object.entries(collected).filter(([sink]) => !BY_ARRIVAL.includes(sink));
  return Object.fromEntries(
    sinks.map(([sink, rows]) => [
      sink,
      (AGAIN.includes(sink) ? lastRows(rows as readonly Fired[]) : rows).map(text).sort(),
    ]),
  );
}

interface Kept {
  readonly name: string;
  readonly job: JobDefinition;
  readonly args: Record<string, unknown>;
  /** Operators whose state is restored. */
  readonly restored: number;
  readonly sinks: number;
}

const open = new SharedArrayBuffer(4);
Atomics.store(new Int32Array(open), 0, 1);

const KEPT: readonly Kept[] = [
  { name: 'kept-windows', job: keptWindows, args: { count: COUNT }, restored: 53, sinks: 25 },
  { name: 'kept-process', job: keptProcess, args: { count: COUNT }, restored: 29, sinks: 8 },
  { name: 'kept-changes', job: keptChanges, args: { count: COUNT }, restored: 51, sinks: 14 },
  { name: 'joins', job: joins, args: { count: COUNT }, restored: 19, sinks: 8 },
  { name: 'kept-cells', job: keptCells, args: { count: CELLS }, restored: 4, sinks: 1 },
  { name: 'kept-calls', job: keptCalls, args: { count: CALLS, open }, restored: 14, sinks: 4 },
];

describe.each(KEPT)('$name', ({ name, job, args, restored, sinks }) => {
  test('is restored as a whole', async () => {
    const directory = await goldenCheckpoints(VERSION, name);
    const { operators, problems } = await checkJob(fixture(name), { directory, args });
    expect(problems).toEqual([]);
    const kept = operators.filter(({ fate }) => fate === 'restored');
    expect(operators.filter(({ fate }) => !['restored', 'stateless'].includes(fate))).toEqual([]);
    expect(kept.length).toBe(restored);
  });

  test.each([1, 3])('ends with the right rows, on %i slots', async (parallelism) => {
    const expected = shown(await runInline(job, { args }));
    expect(Object.keys(expected).length).toBe(sinks);
    for (const [sink, rows] of Object.entries(expected))
      expect(rows.length, sink).toBeGreaterThan(0);
    const directory = await goldenCheckpoints(VERSION, name);
    const running = await run(fixture(name), {
      parallelism,
      args,
      checkpoint: { directory, intervalMs: 50 },
    });
    const result = await running.finished;
    expect(result.restarts).toBe(0);
    const found = shown(result);
    for (const [sink, rows] of Object.entries(expected)) expect(found[sink], sink).toEqual(rows);
    if (name === 'kept-process') expectRules(result);
  });
});

/** Broadcast state, which was complete when the checkpoint was taken. */
function expectRules({ collected }: JobResult): void {
  const numbers = Array.from({ length: COUNT - RULED_FROM }, (_, i) => RULED_FROM + i);
  const rules = Array.from({ length: RULES }, (_, n) => `rule ${n},${n}`).join(' ');
  expect([...(collected['ruled'] as string[])].sort()).toEqual(
    numbers.map((n) => `${n}: ${rules}`).sort(),
  );
  const seen = new Map<string, number>();
  const counts = Array.from({ length: COUNT }, (_, n) => {
    const key = text(inOrder(n).key);
    seen.set(key, (seen.get(key) ?? 0) + 1);
    return seen.get(key);
  });
  const rows = [...(collected['ruled keys'] as State[])].sort((a, b) => a.n - b.n);
  const latest = [
    [false, RULES - 1],
    [true, RULES - 2],
  ];
  expect(rows.map(({ n, state }) => [n, ...state])).toEqual(
    numbers.map((n) => [n, counts[n], latest]),
  );
}
