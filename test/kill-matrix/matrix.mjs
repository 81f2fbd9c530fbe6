/**
 * The kill matrix: a process that runs a job is killed with SIGKILL before and after each point of
 * the protocol, and another one goes on. `verify.mjs` looks at the output after every death.
 *
 *  X1  A point that the job does not come to is a failure of the matrix: its list stays true.
 *  X2  After each death what is published is a beginning of the right result; at the end it is all of it.
 *  X3  `chained`: whoever goes on is killed at the next point. So most points are met by a process that
 *      has been restored itself, with another parallelism than the one before.
 *  X4  Not chained, each point has a fresh directory, one death and one run to the end.
 *  X5  `sampled`: only before one point, after the next, before the one after that; with unaligned
 *      checkpoints the points that are theirs, and a few more.
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PROTOCOL_POINTS } from '../../dist/base/protocol-points.js';
import { verify } from './verify.mjs';

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));
const CHILD_MS_MAX = 60_000;
/** Deaths in a row of one run, at most. */
const CHAIN_KILLS = 24;
const WHENS = ['before', 'after'];

/** Met only as a run ends. */
const LAST = ['finished:sync', 'finished:rename', 'lock:release'];
const SAVEPOINT = ['savepoint:copy'];
const UNALIGNED = ['barrier:overtake', 'channel:record'];
/** Met once, by the first process of a run. */
const FIRST = ['output:marker'];
/** Met only by a process that goes on from a checkpoint. */
const RESTORED = ['manifest:read', 'part:read', 'output:sweep', 'recovery:plan', 'recovery:read'];

const common = PROTOCOL_POINTS.filter(
  (point) => ![...LAST, ...SAVEPOINT, ...UNALIGNED, ...FIRST].includes(point),
);
/** Of the others, those that a sample of unaligned checkpoints is content with. */
const UNALIGNED_SAMPLE = [...UNALIGNED, 'part:rename', 'checkpoint:commit', 'recovery:deploy'];
/** What is different about unaligned checkpoints, and what follows from it. */
const unalignedToo = /^(source|barrier|task|sink|channel|checkpoint|recovery|operator|part):/;

const PACED = { perSecond: 8_000, slowUs: 0, alignment: 'aligned' };
const BLOCKED = { perSecond: 16_000, slowUs: 250, alignment: 'unaligned' };
const BRIEF = {
  perSecond: 1e9,
  slowUs: 0,
  alignment: 'aligned',
  records: 2_000,
  plainRecords: 200,
};

/** Points by the kind of run that comes to them. */
export const SCENARIOS = [
  {
    name: 'aligned',
    settings: { ...PACED, records: 80_000, plainRecords: 16_000 },
    points: [...FIRST, ...common],
  },
  {
    name: 'unaligned',
    settings: { ...BLOCKED, records: 64_000, plainRecords: 16_000 },
    points: [...common.filter((point) => unalignedToo.test(point)), ...UNALIGNED],
  },
  { name: 'end', settings: BRIEF, points: LAST },
  {
    name: 'savepoint',
    settings: { ...PACED, records: 8_000, plainRecords: 1_600 },
    points: SAVEPOINT,
  },
];

/**
 * @param {{ chained: boolean, sampled?: boolean, point?: string, log?: (line: string) => void }} options
 * @returns {Promise<{ points: number, kills: number, starts: number, lost: number, duplicated: number,
 *   wrong: number, outOfOrder: number, problems: string[] }>}
 */
export async function runMatrix({ chained, sampled = false, point, log = () => {} }) {
  const sum = { points: 0, kills: 0, starts: 0, lost: 0, duplicated: 0, wrong: 0, outOfOrder: 0 };
  const problems = [];
  const killed = new Set();
  const chains = SCENARIOS.flatMap(({ points, ...scenario }) => {
    const cells = points
      .filter((one) => point === undefined || one === point)
      .filter((one) => !sampled || scenario.name !== 'unaligned' || UNALIGNED_SAMPLE.includes(one))
      .flatMap((one, at) =>
        (sampled ? [WHENS[at % 2]] : WHENS).map((when) => ({ point: one, when })),
      );
    const count = Math.ceil(cells.length / CHAIN_KILLS);
    return Array.from({ length: count }, (_, at) => ({
      ...scenario,
      cells: cells.slice(at * CHAIN_KILLS, (at + 1) * CHAIN_KILLS),
    }));
  });
  const context = { sum, problems, killed, log, chained };
  const work = async () => {
    for (let next = chains.shift(); next !== undefined; next = chains.shift()) {
      await chain(next, context);
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work));
  sum.points = killed.size;
  return { ...sum, problems };
}

async function chain({ name, settings, cells }, context) {
  let run;
  for (const cell of cells) {
    const isAlone = !context.chained || name === 'end' || name === 'savepoint';
    run ??= new Run(name, settings, context);
    let died = await run.dieAt(cell);
    if (!died && context.chained) {
      // The run had come to its end before: another try from the start.
      await run.end();
      run = new Run(name, settings, context);
      died = await run.dieAt(cell);
    }
    if (!died) context.problems.push(`${name}: nobody came to '${cell.point}' ${cell.when}`);
    if (isAlone) {
      await run.end();
      run = undefined;
    }
  }
  await run?.end();
}

/** One checkpoint directory and one output folder, and the processes that use them. */
class Run {
  #name;
  #settings;
  #context;
  #folder = mkdtempSync(join(tmpdir(), 'holdfast-kills-'));
  #starts = 0;

  constructor(name, settings, context) {
    this.#name = name;
    this.#settings = settings;
    this.#context = context;
  }

  async dieAt({ point, when }) {
    // A process that goes on from a checkpoint is needed first.
    if (RESTORED.includes(point) && this.#starts === 0) await this.#kill('output:sync after 1');
    // What is met by the first checkpoint: a later one has more behind it.
    const nth = this.#starts % 2 === 0 || !LATER.test(point) ? 1 : 2;
    return await this.#kill(`${point} ${when} ${nth}`);
  }

  /** Nobody is killed any more: the result is complete. */
  async end() {
    const { problems } = this.#context;
    const { answer, why } = await this.#start(undefined, { perSecond: 1e9, slowUs: 0 });
    const done = answer?.status === 'finished' || answer?.code === 'ERR_HOLDFAST_ALREADY_FINISHED';
    if (!done) problems.push(`${this.#name}: did not come to its end: ${why}`);
    this.#verify(true, 'at the end');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #kill(at) {
    const { sum, killed, log, problems } = this.#context;
    const { signal, answer, why } = await this.#start(at);
    if (signal !== 'SIGKILL') {
      if (answer?.status !== 'finished') problems.push(`${this.#name}, to die at ${at}: ${why}`);
      return false;
    }
    sum.kills += 1;
    killed.add(at.split(' ')[0]);
    log(`${this.#name}: killed at ${at}`);
    this.#verify(false, `after ${at}`);
    return true;
  }

  #verify(complete, when) {
    const { sum, problems } = this.#context;
    const { records, plainRecords } = this.#settings;
    const found = verify(join(this.#folder, 'out'), { records, plainRecords, complete });
    const { rows, ...wrong } = found;
    for (const [kind, times] of Object.entries(wrong)) {
      sum[kind] += times;
      if (times > 0) problems.push(`${this.#name}, ${when}: ${times} ${kind} in ${rows} rows`);
    }
  }

  async #start(at, settings = {}) {
    this.#starts += 1;
    this.#context.sum.starts += 1;
    const given = {
      ...this.#settings,
      ...settings,
      directory: join(this.#folder, 'checkpoints'),
      out: join(this.#folder, 'out'),
      // Every other one is restored with other key groups on other slots.
      parallelism: this.#starts % 2 === 0 ? 3 : 2,
      ...(this.#name === 'savepoint' && at !== undefined
        ? { savepoint: join(this.#folder, 'savepoint') }
        : {}),
    };
    return await child(given, at);
  }
}

/** Points of every checkpoint: the second one since the start is as good as the first. */
const LATER = /^(part|manifest|manifests|parts|latest|checkpoint|source|barrier|task|sink):/;

function child(given, at) {
  const { KILL_AT, ...inherited } = process.env;
  const env = at === undefined ? inherited : { ...inherited, KILL_AT: at };
  return new Promise((resolve) => {
    const started = spawn(process.execPath, [CHILD, JSON.stringify(given)], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    started.stdout.on('data', (data) => {
      text += data;
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      started.kill('SIGTERM');
    }, CHILD_MS_MAX);
    started.once('close', (code, signal) => {
      clearTimeout(timer);
      const answer = parse(text);
      const why = late
        ? `it hung for ${CHILD_MS_MAX} ms`
        : `exit ${code ?? signal}: ${text.trim()}`;
      resolve({ signal: late ? undefined : signal, answer, why });
    });
  });
}

function parse(text) {
  try {
    return JSON.parse(text.trim());
  } catch {
    return undefined;
  }
}
