/**
 * Checks all that must hold before a change is taken: `npm test` on the Node that runs this, then the tests that
 * start threads and processes on the other Nodes that README names, then all queries of Nexmark against an
 * oracle, and, where Flink can be had, some of them beside it. Nothing needs to be installed before: packages come
 * from the lock file, Nodes from npm's packages of their binaries, into `.cache`.
 *
 *   node scripts/ci.mjs
 *
 * The last line of each part is `N passed, N failed`, and so is the last line of this, for all parts together. A part
 * without such a line, or one that ends badly without a failure, counts as one failure. The exit code is 1 when
 * anything failed.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const NODES = [24, 26];
/** Limits of parts. With every part at its limit, on both other Nodes, all of it takes 91 minutes. */
const MINUTES_MAX = { all: 32, threads: 12, install: 2, oracle: 25, peer: 6 };
/** So many that each query's windows close thousands of times, and that its state is not small. */
const ORACLE_EVENTS = 300_000;
/** What bench/nexmark/main.mjs exits with where there is no Flink to run beside. */
const NO_PEER = 3;

let passed = 0;
let failed = 0;
const failures = [];

const here = `Node ${process.versions.node}`;
await part(`npm test on ${here}`, 'npm', ['test'], MINUTES_MAX.all);
for (const major of NODES) {
  const what = `thread and job tests on Node ${major}`;
  const node = await nodeOf(major);
  if (node === undefined) {
    fail(`${what}: its binary could not be installed`);
    continue;
  }
  const args = ['scripts/bootstrap.mjs', '--run', 'scripts/test.mjs', '--', 'threads'];
  await part(what, node, args, MINUTES_MAX.threads);
}
await oracle();
await peer();

console.log(`\n▸ all of it: npm test on ${here}, threads on Node ${NODES.join(' and ')}, Nexmark`);
for (const line of failures) console.log(`failed: ${line}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Runs a part of the tests, and adds up what its last line says. */
async function part(what, program, args, minutesMax) {
  console.log(`\n▸ ${what}`);
  // Whoever is started by the name `node` is to be the same one.
  const path = [dirname(program), process.env.PATH].filter((folder) => folder !== '.');
  const { output, why } = await call(program, args, minutesMax, { PATH: path.join(delimiter) });
  const found = /^(\d+) passed, (\d+) failed$/.exec(output.trimEnd().split('\n').at(-1) ?? '');
  const [ofPart, bad] = found === null ? [0, 0] : [Number(found[1]), Number(found[2])];
  passed += ofPart;
  for (const [, line] of output.matchAll(/^failed: (.*)$/gm)) failures.push(`${what}: ${line}`);
  failed += bad;
  if (found === null) fail(`${what}: it printed no count (${why})`);
  else if (bad === 0 && why !== '') fail(`${what}: ${why}`);
}

async function oracle() {
  const words = ['bench/nexmark/main.mjs', '--verify', '--events', String(ORACLE_EVENTS)];
  await part('Nexmark against DuckDB', process.execPath, words, MINUTES_MAX.oracle);
}

/** Queries whose rows are counted beside Flink's, where Flink can be had. Counts as one. */
async function peer() {
  console.log('\n▸ the same queries on Flink');
  const words = ['bench/nexmark/main.mjs', '--peer', 'flink', '--rounds', '1'];
  const queries = ['--queries', 'q0,q3,q5,q7,q8,q11', '--events', '1500000'];
  const { why } = await call(process.execPath, [...words, ...queries], MINUTES_MAX.peer, {});
  if (why === `it ended with ${NO_PEER}`) console.log('Flink cannot be had here: not run');
  else if (why === '') passed += 1;
  else fail(`the same queries on Flink: ${why}`);
}

/** @returns the path of a binary of that Node; undefined when it cannot be had */
async function nodeOf(major) {
  const folder = join(root, '.cache', 'nodes', String(major));
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const program = join(
    folder,
    'node_modules',
    name,
    'bin',
    platform === 'win' ? 'node.exe' : 'node',
  );
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  console.log(`\n▸ installing Node ${major}`);
  const args = ['install', '--prefix', folder, '--no-save', '--loglevel=error', `${name}@${major}`];
  const { why } = await call('npm', args, MINUTES_MAX.install, {});
  return why === '' && existsSync(program) ? program : undefined;
}

/**
 * Shows what it prints and gathers it; `why` says in words how it ended when not well. It leads a group of
 * processes, so that what it has started ends with it.
 */
function call(program, args, minutesMax, env) {
  return new Promise((done) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: process.platform !== 'win32',
      shell: process.platform === 'win32',
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      process.stdout.write(text);
    });
    let late = '';
    const kill = () => {
      if (process.platform === 'win32') child.kill('SIGKILL');
      else process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(() => {
      late = `it was ended after ${minutesMax} minutes`;
      kill();
    }, minutesMax * 60_000);
    const stop = () => {
      kill();
      process.exit(1);
    };
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
    const end = (why) => {
      clearTimeout(timer);
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop);
      done({ output, why: late || why });
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => end(code === 0 ? '' : `it ended with ${code ?? signal}`));
  });
}

function fail(what) {
  failed += 1;
  failures.push(what);
}
