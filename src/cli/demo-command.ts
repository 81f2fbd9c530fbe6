/**
 * `holdfast demo`: runs a job over three million real flights (or made ones, where their package is not installed),
 * kills it again and again, and proves that its published files are those of a plain single-threaded fold.
 */

import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isHoldfastError } from '../base/errors.js';
import { type Comparison, comparePublished } from '../demo/compare.js';
import { type KilledRun, runKilled } from '../demo/demo-run.js';
import { FLIGHTS_PACKAGES, openFlights } from '../demo/flights-data.js';
import { median } from '../demo/kill-log.js';
import { planKills } from '../demo/kill-plan.js';
import { runGuarded } from '../guardian/guardian.js';
import { type Console, createReporter } from '../terminal/console.js';
import { formatCount, formatNumberOf } from '../terminal/format.js';
import { jsonLine } from '../terminal/json-line.js';
import type { Reporter } from '../terminal/reporter.js';
import type { DemoCommand } from './arguments.js';
import { EXIT_FAILED, EXIT_FINISHED } from './exit-codes.js';
import { StopSignals } from './stop-signals.js';

const DEMO_JOB = new URL('../../examples/flights.job.ts', import.meta.url);
const SLOTS = 2;
const CHECKPOINT_EVERY_MS = 200;
const HEAP_LIMIT_MB = 64;

export async function demoCommand(command: DemoCommand, console: Console): Promise<number> {
  const startedMs = performance.now();
  const seed = command.seed ?? Math.floor(Math.random() * 1_000_000);
  const isJson = command.output === 'json';
  const say = (line: string) => (isJson ? console.writeError(line) : console.write(line));
  const reporter = await createReporter(command.output, console);
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-demo-'));
  const signals = new StopSignals({
    console,
    note: (text) => reporter.note(text),
    close: () => reporter.close(),
  });
  let isKept = false;
  // At `exit`, because signals may end the program at once.
  const removeNow = () => {
    if (!isKept) rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', removeNow);
  try {
    const flights = await openFlights(directory);
    const { file, records } = flights;
    if (!flights.real) {
      say(`Made flights: for three million real ones, npm install ${FLIGHTS_PACKAGES.join(' ')}`);
    }
    say(
      `${formatCount(records)} flights, ${SLOTS} slots, ${formatNumberOf(command.kills, 'kill')} of a slot ` +
        `and one of the process, seed ${seed}`,
    );
    const plan = planKills({ ...command, seed, slots: SLOTS, records });
    const job = await runGuarded(DEMO_JOB, {
      parallelism: SLOTS,
      checkpoint: { directory: join(directory, 'checkpoints'), intervalMs: CHECKPOINT_EVERY_MS },
      slot: { resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB } },
      args: { file, out: join(directory, 'out') },
      signal: signals.starting,
      output: isJson ? 'stderr' : console.live ? 'events' : 'inherit',
    });
    reporter.attach(job);
    signals.attach(job);
    const killed = await runKilled(job, plan, (row) => {
      if (isJson) console.write(jsonLine({ event: 'kill', ...row }));
    });
    if (killed.result.status !== 'finished') return signals.exitCode ?? EXIT_FAILED;
    reporter.finished(killed.result);
    const seconds = (performance.now() - startedMs) / 1_000;
    say('comparing with a plain single-threaded fold …');
    const fold = await flights.fold();
    const comparison = await comparePublished(join(directory, 'out'), fold.rows);
    const outcome = judge(killed, comparison, plan.length, fold.records);
    isKept = outcome.faults.length > 0;
    if (isJson) {
      for (const fault of outcome.faults) console.writeError(fault);
      console.write(jsonLine({ ...figures(killed, comparison), seconds: round(seconds), seed }));
    } else {
      show(killed, comparison, outcome.faults, console);
    }
    if (isKept) say(`kept for a look: ${directory}`);
    return isKept ? EXIT_FAILED : EXIT_FINISHED;
  } catch (error) {
    return failed(error, signals, reporter);
  } finally {
    signals.dispose();
    reporter.close();
    if (!isKept) await rm(directory, { recursive: true, force: true });
    process.off('exit', removeNow);
  }
}

function failed(error: unknown, signals: StopSignals, reporter: Reporter): number {
  if (signals.exitCode !== undefined && isHoldfastError(error, 'ERR_HOLDFAST_CANCELED')) {
    return signals.exitCode;
  }
  reporter.failed(error);
  return EXIT_FAILED;
}

/** Lists everything that makes the demo a failure. */
function judge(
  { result, log }: KilledRun,
  { lost, duplicated, wrong, examples }: Comparison,
  planned: number,
  records: number,
): { readonly faults: readonly string[] } {
  const faults: string[] = [];
  if (lost + duplicated + wrong > 0) {
    faults.push(`${lost} rows lost, ${duplicated} duplicated, ${wrong} wrong:`, ...examples);
  }
  if (log.rows.length !== planned) {
    faults.push(`${log.rows.length} of ${planned} kills were made and recovered from.`);
  }
  if (result.sourceRecords !== records) {
    faults.push(`the sources counted ${result.sourceRecords} records; there are ${records}.`);
  }
  return { faults };
}

function figures({ result, log }: KilledRun, { rows, lost, duplicated, wrong }: Comparison) {
  const detect = log.rows.map(({ detectMs }) => detectMs);
  const recover = log.rows.map(({ recoverMs }) => recoverMs);
  const ofProcess = log.rows.filter(({ cause }) => cause === 'SIGKILL').length;
  return {
    kills: log.rows.length - ofProcess,
    processKills: ofProcess,
    unplanned: log.unplanned.length,
    detectMsP50: round(median(detect)),
    detectMsMax: round(Math.max(0, ...detect)),
    recoverMsP50: round(median(recover)),
    recoverMsMax: round(Math.max(0, ...recover)),
    rows,
    lost,
    duplicated,
    wrong,
    records: result.sourceRecords,
  };
}

function show(
  killed: KilledRun,
  comparison: Comparison,
  faults: readonly string[],
  console: Console,
): void {
  const { colors } = console;
  const { rows, lost, duplicated, wrong } = comparison;
  const paint = (count: number) => (count === 0 ? colors.green : colors.red)(String(count));
  console.write('');
  for (const line of killed.log.table()) console.write(line);
  console.write('');
  console.write(
    `${formatCount(rows)} rows published: ${paint(lost)} lost, ${paint(duplicated)} duplicated, ` +
      `${paint(wrong)} wrong`,
  );
  for (const fault of faults) console.write(colors.red(fault));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
