/**
 * Queries beside a peer, on the same events: Flink and Holdfast in turns, each run in a process of its own.
 *
 * The peer is built from bench/peers/flink by Java 17 and Maven, into `.cache`. Before anything is measured, a hash over
 * its events is compared with ours, and after each run the number of rows, where both give each row once.
 */

import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { arch, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, round } from '../lib/measure.mjs';
import { nexmark } from './generator.mjs';

const SOURCES = fileURLToPath(new URL('../peers/flink', import.meta.url));
const BUILT = fileURLToPath(new URL('../../.cache/peers/flink', import.meta.url));
const MAIN = fileURLToPath(new URL('./main.mjs', import.meta.url));
const FINGERPRINT_EVENTS = 100_000;

/** There is no peer to run beside: Java or Maven is missing, or Maven cannot fetch it. */
export class PeerMissing extends Error {}

/** What each of Flink's APIs has; q6 cannot be said in its SQL, q10 and q13 need connectors. */
export const PEER_QUERIES = {
  ds: ['q0', 'q3', 'q5', 'q7', 'q8', 'q11'],
  sql: [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23].map(
    (n) => `q${n}`,
  ),
};

const started = promisify(execFile);

/**
 * @param {{ queries: string[], events: number, parallelism: number, rounds: number, log: (line: string) => void, note: (line: string) => void }} options
 *   `log` is given lines of JSON: first what is compared where, then each row
 * @returns a row of figures for each query and API: events per CPU second of both, in thousands, and ours divided by
 *   theirs (median, least, most)
 * @throws PeerMissing; Error when the events differ, or rows do
 */
export async function beside({ queries, events, parallelism, rounds, log, note }) {
  await build(note);
  await compareEvents();
  log(JSON.stringify({ ...here(), events, parallelism, rounds }));
  const rows = [];
  for (const query of queries) {
    for (const api of ['ds', 'sql']) {
      if (!PEER_QUERIES[api].includes(query)) continue;
      const row = await compare({ query, api, events, parallelism, rounds });
      log(JSON.stringify(row));
      rows.push(row);
    }
  }
  return rows;
}

/** What is compared, and where. */
function here() {
  const [cpu] = cpus();
  const git = spawnSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' });
  const pom = readFileSync(join(SOURCES, 'pom.xml'), 'utf8');
  return {
    peer: 'flink',
    version: /<flink.version>([^<]+)</.exec(pom)[1],
    node: process.versions.node,
    machine: `${cpus().length} cores of ${cpu?.model ?? arch()}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    date: new Date().toISOString().slice(0, 10),
    commit: git.status === 0 ? git.stdout.trim() : 'unknown',
  };
}

async function compare({ query, api, events, parallelism, rounds }) {
  const runs = [];
  for (let i = 0; i < rounds; i += 1) {
    const theirs = await flink({ query, api, events, parallelism });
    const ours = await holdfast({ query, events, parallelism });
    if (api === 'ds' && theirs.rows !== ours.rows) {
      throw new Error(`${query}: ${theirs.rows} rows of Flink, ${ours.rows} of Holdfast`);
    }
    runs.push({ theirs, ours });
  }
  const all = (of) => runs.map(of);
  const ratios = all(({ theirs, ours }) => ours.perCpuSecond / theirs.perCpuSecond);
  return {
    query,
    api,
    flink: thousands(median(all(({ theirs }) => theirs.perCpuSecond))),
    holdfast: thousands(median(all(({ ours }) => ours.perCpuSecond))),
    perCpuSecond: round(median(ratios)),
    from: round(Math.min(...ratios)),
    to: round(Math.max(...ratios)),
    wall: round(median(all(({ theirs, ours }) => theirs.seconds / ours.seconds))),
    rows: runs[0].ours.rows,
  };
}

const thousands = (perSecond) => Math.round(perSecond / 1_000);

/** A first run of as many events warms the JVM up; ours has none, its figures hold what V8 takes for that. */
async function flink({ query, api, events, parallelism }) {
  const numbers = { events, warm: events, parallelism };
  const words = Object.entries(numbers).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return JSON.parse(await java(['--query', query, '--api', api, ...words]));
}

async function holdfast({ query, events, parallelism }) {
  const words = [
    '--queries',
    query,
    '--events',
    events,
    '--parallelism',
    parallelism,
    '--no-hash',
    '--json',
  ];
  const { stdout } = await started(process.execPath, [MAIN, ...words.map(String)]);
  return JSON.parse(stdout);
}

async function java(words) {
  const opened = ['java.base/java.util', 'java.base/java.lang'];
  const path = `${join(BUILT, 'classes')}:${join(BUILT, 'lib')}/*`;
  const { stdout } = await started('java', [
    '-Xmx6g',
    ...opened.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
    '-cp',
    path,
    'nexmark.Main',
    ...words,
  ]);
  return stdout.trim().split('\n').at(-1);
}

async function compareEvents() {
  const theirs = await java(['--fingerprint', String(FINGERPRINT_EVENTS)]);
  const ours = fingerprint(FINGERPRINT_EVENTS);
  if (theirs !== ours) throw new Error(`Flink's events differ from ours: ${theirs}, not ${ours}`);
}

/** SHA-256 over all fields of the first events, `|` behind each. */
function fingerprint(count) {
  const { event } = nexmark();
  const hash = createHash('sha256');
  for (let id = 0; id < count; id += 1) {
    const { kind: _, ...fields } = event(id);
    const text = Object.values(fields).map((value) => `${value}|`);
    hash.update(text.join(''), 'latin1');
  }
  return hash.digest('hex');
}

async function build(note) {
  for (const program of ['java', 'mvn']) {
    if (spawnSync(program, ['-version']).status === 0) continue;
    throw new PeerMissing(
      `--peer flink needs Java 17 and Maven, but '${program}' does not start. On Debian: apt-get install ` +
        'openjdk-17-jdk-headless maven',
    );
  }
  const lib = join(BUILT, 'lib');
  mkdirSync(BUILT, { recursive: true });
  if (!existsSync(lib)) {
    note('fetching Flink …');
    const fetched = join(BUILT, 'fetched');
    rmSync(fetched, { recursive: true, force: true });
    const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${fetched}`];
    try {
      await started('mvn', ['-q', '-B', '-f', join(SOURCES, 'pom.xml'), ...goal]);
    } catch (error) {
      throw new PeerMissing(`Maven cannot fetch Flink: ${error.message}`);
    }
    renameSync(fetched, lib);
  }
  const classes = join(BUILT, 'classes');
  rmSync(classes, { recursive: true, force: true });
  cpSync(join(SOURCES, 'src/main/resources'), classes, { recursive: true });
  const folder = join(SOURCES, 'src/main/java/nexmark');
  const files = readdirSync(folder).map((name) => join(folder, name));
  await started('javac', ['--release', '17', '-cp', `${lib}/*`, '-d', classes, ...files]);
}
