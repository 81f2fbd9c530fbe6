/**
 * The simulator's command.
 *
 *   npm run sim                              2 000 seeds
 *   npm run sim -- --seeds 500 --from 1000   these
 *   npm run sim -- --seed 17 --trace         one, with all that happened
 *
 * The last line is `N passed, N failed`; the exit code is 1 when a seed failed.
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { dealNumbers, wholeNumber } from '../deal-numbers.js';
import { OCCASIONS, type Occasion } from './life.js';
import { describeResult, shrink } from './report.js';
import { runSeed, type SeedResult } from './simulation.js';

const TRACE_LINES_MAX = 100_000;
/** A seed takes some 50 ms; this one does not come to its end. */
const SEED_MS_MAX = 60_000;
const REPORTS_MAX = 3;
const SEEDS_OF_ALL_OCCASIONS = 500;

interface Answer {
  readonly seed: number;
  readonly outcome: SeedResult['outcome'];
  readonly applied: readonly string[];
  readonly virtualMs: number;
  readonly occasions: readonly (readonly [Occasion, number])[];
  readonly report: string | undefined;
}

interface Totals {
  passed: number;
  readonly failed: number[];
  refused: number;
  virtualMs: number;
  readonly faults: Map<string, number>;
  readonly occasions: Map<Occasion, number>;
}

if (process.send !== undefined && process.argv[2] === '--child') serve();
else process.exitCode = await command();

async function command(): Promise<number> {
  const values = options();
  if (values.seed !== undefined) {
    return await one(wholeNumber('seed', values.seed), values.trace);
  }
  const totals: Totals = {
    passed: 0,
    failed: [],
    refused: 0,
    virtualMs: 0,
    faults: new Map(),
    occasions: new Map(),
  };
  await many(wholeNumber('from', values.from), wholeNumber('seeds', values.seeds), totals);
  const faults = [...totals.faults].sort(([a], [b]) => (a < b ? -1 : 1));
  console.log(`faults: ${faults.map(([kind, times]) => `${kind} ${times}`).join(', ')}`);
  for (const occasion of OCCASIONS) {
    console.log(`${totals.occasions.get(occasion) ?? 0} ${occasion}`);
  }
  console.log(
    `${Math.round(totals.virtualMs / 1_000)} s of virtual time; ${totals.refused} runs were ended by a flipped bit, and said so`,
  );
  if (totals.failed.length > 0) console.log(`failed seeds: ${totals.failed.join(', ')}`);
  const missing = missingOccasions(totals);
  for (const occasion of missing) console.log(`failed: no seed came to this: ${occasion}`);
  console.log(`${totals.passed} passed, ${totals.failed.length + missing.length} failed`);
  return totals.failed.length + missing.length === 0 && totals.passed > 0 ? 0 : 1;
}

/** A simulator that does not come to something any more does not test it. So many seeds come to all. */
function missingOccasions({ passed, failed, occasions }: Totals): readonly Occasion[] {
  if (passed + failed.length < SEEDS_OF_ALL_OCCASIONS) return [];
  return OCCASIONS.filter((occasion) => !occasions.has(occasion));
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '2000' },
        from: { type: 'string', default: '1' },
        seed: { type: 'string' },
        trace: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    const usage = 'npm run sim -- [--seeds N] [--from S] | --seed S [--trace]';
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

async function one(seed: number, trace: boolean): Promise<number> {
  const result = await runSeed(seed, { traceLines: trace ? TRACE_LINES_MAX : 0 });
  if (trace) console.log(result.trace);
  const { outcome, lives, events, virtualMs, hash } = result;
  console.log(
    `seed ${seed}: ${outcome}, ${lives} processes, ${events} events, ${virtualMs} ms, trace ${hash}`,
  );
  const failed = outcome === 'failed';
  if (failed) console.log(describeResult(await shrink(result), commit()));
  console.log(failed ? '0 passed, 1 failed' : '1 passed, 0 failed');
  return failed ? 1 : 0;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

async function many(from: number, seeds: number, totals: Totals): Promise<void> {
  await dealNumbers<Answer>({
    script: fileURLToPath(import.meta.url),
    from,
    count: seeds,
    msMax: SEED_MS_MAX,
    message: (seed) => ({ seed, reports: totals.failed.length < REPORTS_MAX }),
    onAnswer: (answer) => add(totals, answer),
    onLost: (seed) => {
      totals.failed.push(seed);
      console.log(`seed ${seed} failed: its process did not come to an end, or died`);
    },
  });
}

function add(
  totals: Totals,
  { seed, outcome, applied, virtualMs, occasions, report }: Answer,
): void {
  totals.virtualMs += virtualMs;
  const more = <K>(to: Map<K, number>, kind: K, times: number) =>
    to.set(kind, (to.get(kind) ?? 0) + times);
  for (const kind of applied) more(totals.faults, kind, 1);
  for (const [occasion, times] of occasions) more(totals.occasions, occasion, times);
  if (outcome === 'failed') totals.failed.push(seed);
  else totals.passed += 1;
  if (outcome === 'refused') totals.refused += 1;
  if (report !== undefined) console.log(report);
}

/** In a child: a seed comes, its answer goes. */
function serve(): void {
  process.on('message', (message) => {
    const { seed, reports } = message as { readonly seed: number; readonly reports: boolean };
    void answer(seed, reports).then((told) => process.send!(told));
  });
}

async function answer(seed: number, reports: boolean): Promise<Answer> {
  const result = await runSeed(seed);
  const failed = result.outcome === 'failed';
  return {
    seed,
    outcome: result.outcome,
    applied: result.applied.map(({ kind }) => kind),
    virtualMs: result.virtualMs,
    occasions: [...result.occasions],
    report: failed && reports ? describeResult(await shrink(result), commit()) : undefined,
  };
}
