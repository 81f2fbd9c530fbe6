/**
 * Failure detection at default settings: false verdicts on slow jobs, and the time to a true verdict.
 *
 * `value` counts the failures and respawns of a job that is slow but sound, with 50 ms of work per record and 800 ms
 * now and then: alone, beside another process that keeps all cores busy, and with a main thread
 * that blocks for 3 s. `baseline` counts the verdicts that a plain heartbeat of the same timeout (a timer, a
 * message, a look at the age of the last one) would have given in the same run. Then come the times
 * from the cause of a failure to the event `failure`, for each cause.
 */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BroadcastChannel } from 'node:worker_threads';
import { fixedDelay, run } from 'holdfast';
import { percentile, round, sleep } from './lib/measure.mjs';

const TIMEOUT_MS = 1_000;
const BEAT_MS = 100;
const BLOCK_MS = 3_000;
/** Causes by their numbers in jobs/trouble.job.mjs. */
const TROUBLES = { loopInBatch: 1, regex: 2, nativeCall: 3 };

export default async function detection({ smoke, log }) {
  const slow = await slowJobs({ smoke, log });
  const verdicts = await timesToVerdict({ smoke, log });
  const value = slow.reduce((sum, phase) => sum + phase.failures + phase.respawns, 0);
  const baseline = slow.reduce((sum, phase) => sum + phase.plainHeartbeat, 0);
  return {
    name: 'detection',
    value,
    baseline,
    ratio: round(value / Math.max(1, baseline)),
    unit: 'false verdicts',
    target: 'value = 0; every loop found within 1 500 ms',
    slowJobs: slow,
    verdictMs: verdicts,
  };
}

// ---- false verdicts ----------------------------------------------------------------------------

async function slowJobs({ smoke, log }) {
  const channel = `holdfast-bench-${process.pid}`;
  const job = await run(new URL('./jobs/slow.job.mjs', import.meta.url), {
    parallelism: 2,
    restart: fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 0 }),
    args: { everyMs: BEAT_MS, channel },
  });
  let failures = 0;
  job.on('failure', (failure) => {
    failures += 1;
    log(`false verdict: ${failure.message}`);
  });
  const plain = plainHeartbeat(channel);
  const phases = [];
  const phase = async (name, act) => {
    const before = { failures, respawns: respawnsOf(job), plain: plain.verdicts };
    await act();
    const shown = {
      phase: name,
      failures: failures - before.failures,
      respawns: respawnsOf(job) - before.respawns,
      plainHeartbeat: plain.verdicts - before.plain,
    };
    log(`${name}: ${shown.failures} false verdicts, plain heartbeat ${shown.plainHeartbeat}`);
    phases.push(shown);
  };
  try {
    await phase('alone', () => sleep(smoke ? 300 : 20_000));
    await phase('all cores busy', () => beside(() => sleep(smoke ? 500 : 20_000)));
    await phase('main thread blocked', async () => {
      for (let i = 0; i < (smoke ? 1 : 3); i += 1) {
        const end = performance.now() + BLOCK_MS;
        while (performance.now() < end);
        await sleep(500);
      }
    });
  } finally {
    plain.close();
    await job.cancel();
  }
  return phases;
}

const respawnsOf = (job) => job.slots().reduce((sum, { restarts }) => sum + restarts, 0);

/** What it is compared with: one verdict for each silence that lasts as long as the timeout. */
function plainHeartbeat(channelName) {
  const last = new Map();
  const silent = new Set();
  const channel = new BroadcastChannel(channelName);
  let verdicts = 0;
  channel.onmessage = ({ data: thread }) => {
    last.set(thread, performance.now());
    silent.delete(thread);
  };
  const timer = setInterval(() => {
    for (const [thread, atMs] of last) {
      if (silent.has(thread) || performance.now() - atMs < TIMEOUT_MS) continue;
      silent.add(thread);
      verdicts += 1;
    }
  }, BEAT_MS / 2);
  return {
    get verdicts() {
      return verdicts;
    },
    close() {
      clearInterval(timer);
      channel.close();
    },
  };
}

async function beside(act) {
  const spinner = fork(new URL('./lib/spin-all.mjs', import.meta.url));
  await once(spinner, 'message');
  try {
    return await act();
  } finally {
    spinner.kill('SIGKILL');
    await once(spinner, 'exit');
  }
}

// ---- time to verdict ---------------------------------------------------------------------------

async function timesToVerdict({ smoke, log }) {
  const times = {};
  const measure = async (name, count, options, cause) => {
    const taken = await withJob(options, (given) => repeated(count, () => cause(given)));
    times[name] = { count, p50: at(taken, 0.5), p99: at(taken, 0.99), max: at(taken, 1) };
    log(`${name}: p50 ${times[name].p50} ms, p99 ${times[name].p99} ms`);
  };
  const flowing = { ratePerSecond: 20_000 };
  const idle = { ratePerSecond: 0.01 };
  const kills = smoke ? 2 : 40;
  const hangs = smoke ? 1 : 8;
  for (const cause of ['terminate', 'throw', 'exit']) {
    await measure(cause, kills, flowing, (given) => ordered(given, cause));
  }
  for (const [name, number] of Object.entries(TROUBLES)) {
    await measure(name, hangs, flowing, (given) => troubled(given, number));
  }
  await measure('loopWhileIdle', hangs, idle, (given) => ordered(given, 'hang'));
  const slot = { resourceLimits: { maxOldGenerationSizeMb: 48 } };
  await measure('outOfMemory', hangs, { ...flowing, slot }, (given) =>
    ordered(given, 'out-of-memory'),
  );
  return times;
}

async function withJob({ ratePerSecond, slot }, act) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const order = new Int32Array(new SharedArrayBuffer(4));
  const since = new Float64Array(new SharedArrayBuffer(8));
  const job = await run(new URL('./jobs/trouble.job.mjs', import.meta.url), {
    parallelism: 2,
    args: { order: order.buffer, since: since.buffer, ratePerSecond },
    checkpoint: { directory, intervalMs: 200 },
    restart: fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 0 }),
    slot,
  });
  try {
    await sleep(200);
    return await act({ job, order, since });
  } finally {
    await job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
}

async function repeated(count, act) {
  const times = [];
  for (let i = 0; i < count; i += 1) times.push(await act());
  return times;
}

/** @returns milliseconds from the order to the verdict */
async function ordered({ job }, cause) {
  return await verdict(job, () => {
    const fromMs = nowMs();
    job.kill(0, cause);
    return () => fromMs;
  });
}

/** @returns milliseconds from when user code got into it to the verdict */
async function troubled({ job, order, since }, number) {
  return await verdict(job, () => {
    Atomics.store(order, 0, number);
    return () => since[0];
  });
}

async function verdict(job, act) {
  const found = new Promise((resolve) => job.once('failure', () => resolve(nowMs())));
  const fromMs = act();
  const foundMs = await Promise.race([found, job.finished]);
  const taken = foundMs - fromMs();
  while (job.status !== 'running') {
    await Promise.race([sleep(5), job.finished]); // Rejects when the job is not coming back.
  }
  await sleep(100);
  return taken;
}

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;
const at = (times, p) => round(percentile(times, p), 1);
