/**
 * Compares each query's table with the oracle's: at each parallelism, with events out of order, with many events at the
 * same time, with threads that are killed, and across a change of parallelism.
 *
 * Event time is slow here, 10 events a second, so that a few thousand events span many windows. One base
 * makes it pass 7 o'clock, the other, of the out-of-order events, midnight. Where events share their times it is fast.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'holdfast';
import { sleep } from '../lib/measure.mjs';
import { difference, ExpectedRows, finalRows } from './compare.mjs';
import { rowsInFiles } from './files.mjs';
import { openOracle } from './oracle.mjs';
import { QUERIES } from './queries/index.mjs';

const JOB = new URL('./nexmark.job.mjs', import.meta.url);
const IN_ORDER = { eventsPerSecond: 10, baseTime: Date.UTC(2023, 10, 15, 6, 45) };
/** A group spans 3 s, less than a watermark is behind. */
const OUT_OF_ORDER = {
  eventsPerSecond: 10,
  baseTime: Date.UTC(2023, 10, 15, 23, 45),
  outOfOrderGroup: 30,
};
/** Twenty events a millisecond, so that a query whose answer hangs on which of them comes first is found out. */
const AT_ONCE = { ...IN_ORDER, eventsPerSecond: 20_000 };
const KILLS = 10;
const KILL_AFTER_MS = 300;
const CAUSES = ['terminate', 'throw', 'exit'];
/** So long a run would take that is killed, or stopped, long before; the run that goes on from there is fast. */
const SLOW_RUN_SECONDS = 120;
const SPLITS = 4;
/** So many events have more rows than a job collects, and than should be in one heap: they go through files. */
const COLLECTED_EVENTS_MAX = 500_000;
/** Hundreds of thousands of rows are collected in one heap: a collection of its garbage may take longer than a second. */
const HEARTBEAT = { timeoutMs: 10_000 };

/**
 * @param {{ queries: readonly string[], events: number, parallelisms: readonly number[], seed: number,
 *   faults: boolean, log(line: string): void }} options
 * @returns how many checks have passed and failed
 */
export async function verify({ queries, events, parallelisms, seed, faults, log }) {
  const outcome = { passed: 0, failed: 0 };
  const parallelism = Math.max(...parallelisms);
  for (const kind of [IN_ORDER, OUT_OF_ORDER, AT_ONCE]) {
    const generator = { ...kind, seed };
    const oracle = await openOracle(events, generator);
    const source = { events, generator };
    try {
      for (const query of queries) {
        const expected = new ExpectedRows();
        for await (const rows of oracle.rows(QUERIES[query].sql)) expected.add(rows);
        const judge = (rows) => difference(tableOf(query, rows), expected);
        const check = async (name, act) => {
          const wrong = await act().catch((error) => String(error?.stack ?? error));
          outcome[wrong === undefined ? 'passed' : 'failed'] += 1;
          const verdict = wrong === undefined ? `ok, ${expected.size} rows` : `FAILED: ${wrong}`;
          log(`${query} ${name}: ${verdict}`);
        };
        if (kind === IN_ORDER) {
          for (const slots of parallelisms) {
            await check(`parallelism ${slots}`, () => plain(query, source, slots, judge));
          }
          if (!faults) continue;
          await check(`${KILLS} kills`, () => killed(query, source, parallelism, judge));
          await check(`rescaled ${parallelism} to ${parallelism + 1}`, () =>
            rescaled(query, source, parallelism, judge),
          );
        } else {
          const name = kind === OUT_OF_ORDER ? 'out of order' : 'at the same times';
          await check(name, () => plain(query, source, parallelism, judge));
        }
      }
    } finally {
      oracle.close();
    }
  }
  return outcome;
}

/** What the rows of a query come to in the end. */
function tableOf(query, rows) {
  const { updates, compared } = QUERIES[query];
  if (compared !== undefined) return compared(rows);
  return updates === undefined ? rows : finalRows(rows, updates);
}

async function plain(query, source, parallelism, judge) {
  return await withFolder(async (directory) => {
    const job = await run(
      JOB,
      optionsOf(query, source, { parallelism, directory, everyMs: 1_000 }),
    );
    return judge(rowsOf(query, await job.finished, directory));
  });
}

/** @param place of the run: its folder, and the name of the one for checkpoints in it */
function optionsOf(query, source, { parallelism, directory, name = 'checkpoints', everyMs = 100 }) {
  return {
    parallelism,
    args: argsOf(query, source, directory),
    checkpoint: { directory: join(directory, name), intervalMs: everyMs },
    heartbeat: HEARTBEAT,
  };
}

/** Rows are collected, or written to files where these are the answer, or there are very many. */
function argsOf(query, source, directory) {
  const isCollected =
    QUERIES[query].partitionBy === undefined && source.events <= COLLECTED_EVENTS_MAX;
  const to = isCollected ? 'collect' : 'files';
  return { query, source, to, folder: join(directory, 'rows') };
}

/**
 * Each kill comes some time after the one before, and behind a checkpoint of the restarted job. (`restarted` is told with
 * the first row at the sink, which a window may keep back for long.)
 */
async function killed(query, source, parallelism, judge) {
  return await withFolder(async (directory) => {
    const options = (ratePerSecond) =>
      optionsOf(query, { ...source, ratePerSecond, splits: SPLITS }, { parallelism, directory });
    const job = await run(JOB, options(source.events / SLOW_RUN_SECONDS));
    const orEnd = (promise) => Promise.race([promise, job.finished]);
    for (let kill = 0; kill < KILLS; kill += 1) {
      await orEnd(sleep(KILL_AFTER_MS));
      await orEnd(completed(job));
      const failed = new Promise((resolve) => job.once('failure', resolve));
      job.kill(kill % parallelism, CAUSES[kill % CAUSES.length]);
      await orEnd(failed);
    }
    await orEnd(sleep(KILL_AFTER_MS));
    await orEnd(completed(job));
    const stopped = await job.stop();
    if (stopped.status !== 'stopped' || stopped.restarts < KILLS) {
      throw new Error(`${stopped.restarts} of ${KILLS} restarts, then ${stopped.status}`);
    }
    const { finished } = await run(JOB, options(source.events));
    return judge(rowsOf(query, await finished, directory));
  });
}

/** A savepoint of the first events, from which a run with one slot more goes on. */
async function rescaled(query, source, parallelism, judge) {
  return await withFolder(async (directory) => {
    const options = (slots, name, ratePerSecond) =>
      optionsOf(
        query,
        { ...source, ratePerSecond, splits: SPLITS },
        { parallelism: slots, directory, name },
      );
    const slow = source.events / SLOW_RUN_SECONDS;
    const job = await run(JOB, options(parallelism, 'before', slow));
    while (job.status === 'running' && job.progress().sourceRecords < source.events / 50) {
      await sleep(5);
    }
    const savepoint = join(directory, 'savepoint');
    const stopped = await job.stop({ savepoint });
    if (stopped.status !== 'stopped') throw new Error('the run was over before its savepoint');
    const more = { ...options(parallelism + 1, 'after', source.events), restore: savepoint };
    const { finished } = await run(JOB, more);
    return judge(rowsOf(query, await finished, directory));
  });
}

function completed(job) {
  return new Promise((resolve) => {
    const listen = (event) => {
      if (event.kind !== 'completed') return;
      job.off('checkpoint', listen);
      resolve();
    };
    job.on('checkpoint', listen);
  });
}

/** What a window has left out is no answer, even if the tables are equal. */
function rowsOf(query, result, directory) {
  const late = result.counters.lateRecords ?? 0;
  if (late > 0) throw new Error(`${late} records were late`);
  return result.collected.rows ?? writtenRows(query, join(directory, 'rows'));
}

function* writtenRows(query, folder) {
  const isPartitioned = QUERIES[query].partitionBy !== undefined;
  for (const found of rowsInFiles(folder)) {
    yield isPartitioned ? { ...found.row, folder: found.folder } : found.row;
  }
}

async function withFolder(act) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-nexmark-'));
  try {
    return await act(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
