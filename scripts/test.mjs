/**
 * The whole check, in order: types, format and lint, dead exports; tests; then, side by side, a process killed at every
 * point of the protocol, and a smoke run of every benchmark. Where these leave a processor free, 100 drawn jobs and
 * 2 000 simulated runs.
 *
 *   npm test                            everything
 *   npm test -- test/hashring           vitest alone, with this filter
 *   npm test -- pure test/hashring      … in one of its projects (`pure` or `threads`)
 *   npm run check:fast                  between two edits: types, lint, and the fast tests of `pure`
 *                                       (vitest.config.ts lists the slow ones)
 *
 * A later step runs even when an earlier one failed. Every step but vitest counts as one. A test
 * file that cannot be loaded counts as one failure; so does a vitest that ends badly without naming
 * any (an error outside of tests, or its own death). A file whose process Node itself has aborted is run once
 * more (lib/nodes-abort.mjs). The last line is `N passed, N failed`; the exit code is 1 when anything failed or
 * nothing ran.
 */

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { call } from './lib/call.mjs';
import { isNodesAbort, unfinishedFiles } from './lib/nodes-abort.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);
const program = (...parts) => at('node_modules', ...parts);

const REPORT = at('.cache', 'vitest.json');
const STEP_MS_MAX = 10 * 60_000;
const BENCH_MS_MAX = 3 * 60_000;
/** A smoke run asks whether they work, not how fast; most of its time is waiting. */
const BENCHES_AT_ONCE = 2;
const VITEST_MS_MAX = 30 * 60_000;

let passed = 0;
let failed = 0;
const failures = [];

const filters = process.argv.slice(2);
if (filters[0] === '--fast') {
  await look();
  await vitest(['--project=pure'], ['--reporter=dot']);
} else if (filters.length > 0) {
  await vitest(filters);
} else {
  await look();
  // What starts threads and processes waits a good third of its time.
  await Promise.all([started(), computed()]);
}

if (passed + failed === 0) fail('no test ran');
for (const line of failures) console.log(`failed: ${line}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** What needs no run. */
async function look() {
  const types = ['--noEmit', '-p', 'tsconfig.test.json'];
  await Promise.all([
    step('types', program('typescript', 'bin', 'tsc'), types, { capture: true }),
    step('format and lint', program('@biomejs', 'biome', 'bin', 'biome'), ['check', '.'], {
      capture: true,
    }),
    step('dead exports', program('knip', 'bin', 'knip.js'), ['--production'], { capture: true }),
  ]);
}

/** Tests, and after them what they do not cover. */
async function started() {
  await vitest([]);
  await Promise.all([
    step('kill matrix', at('scripts', 'kill-matrix.mjs'), ['--sampled'], { capture: true }),
    atOnce(BENCHES_AT_ONCE, benches(), bench),
  ]);
}

/** What only computes: the others have the processors first. */
async function computed() {
  const behind = { capture: true, behind: true };
  await step('fuzz', at('scripts', 'fuzz.mjs'), ['--draws', '100'], behind);
  await step('simulation', at('scripts', 'sim.mjs'), ['--seeds', '2000'], behind);
}

/** @param capture show what it prints when it has ended, for another runs beside it */
async function step(name, script, args, { capture = false, behind = false } = {}) {
  if (!capture) console.log(`\n▸ ${name}`);
  const { ok, output, why } = await call(process.execPath, [script, ...args], {
    cwd: root,
    timeoutMs: behind ? VITEST_MS_MAX : STEP_MS_MAX,
    capture,
    behind,
  });
  if (capture) console.log(`\n▸ ${name}\n${output}`);
  if (ok) passed += 1;
  else fail(`${name} (${why})`);
}

async function vitest(filters, reporter = ['--reporter=default']) {
  console.log('\n▸ tests');
  const projects = { pure: '--project=pure*', threads: '--project=threads' };
  const args = filters.map((word) => projects[word] ?? word);
  let ended = await runVitest(reporter, args);
  const cut = isNodesAbort(ended.errors) ? unfinishedFiles(ended.report) : [];
  if (cut.length > 0) {
    count(ended.report, cut);
    const names = cut.map((file) => relative(root, file));
    console.log(`\n▸ again, because Node aborted their process: ${names.join(', ')}`);
    ended = await runVitest(reporter, names);
  }
  if (count(ended.report) === 0 && !ended.ok) fail(`vitest (${ended.why})`);
}

async function runVitest(reporter, args) {
  rmSync(REPORT, { force: true });
  mkdirSync(dirname(REPORT), { recursive: true });
  const { ok, why, errors } = await call(
    process.execPath,
    [
      program('vitest', 'vitest.mjs'),
      'run',
      ...reporter,
      '--reporter=json',
      `--outputFile.json=${REPORT}`,
      ...workers(),
      ...args,
    ],
    { cwd: root, timeoutMs: VITEST_MS_MAX },
  );
  return { ok, why, errors, report: readReport() };
}

/** Vitest keeps one core for itself, and of two that leaves a single worker: the other waits for it. */
function workers() {
  return availableParallelism() === 2 ? ['--maxWorkers=2'] : [];
}

/** @returns undefined when vitest has written none */
function readReport() {
  try {
    return JSON.parse(readFileSync(REPORT, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param without files that are left out
 * @returns how many failures the report tells of
 */
function count(report, without = []) {
  let found = 0;
  let skipped = 0;
  for (const file of report?.testResults ?? []) {
    if (without.includes(file.name)) continue;
    const name = relative(root, file.name);
    const having = (status) => file.assertionResults.filter((test) => test.status === status);
    const good = having('passed');
    const broken = having('failed');
    passed += good.length;
    for (const test of broken) fail(`${name}: ${test.fullName}`);
    if (file.status === 'failed' && broken.length === 0) fail(`${name} could not be run`);
    if (file.status === 'failed') found += Math.max(1, broken.length);
    skipped += file.assertionResults.length - good.length - broken.length;
  }
  if (skipped > 0) console.log(`${skipped} skipped`);
  return found;
}

function benches() {
  const suffix = '.bench.mjs';
  return readdirSync(at('bench'))
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
    .sort();
}

/** Calls `act` with each of these, so many at a time. */
async function atOnce(count, names, act) {
  const waiting = [...names];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await act(name);
  };
  await Promise.all(Array.from({ length: count }, work));
}

async function bench(name) {
  const { ok, output, why } = await call(
    process.execPath,
    [at('bench', 'main.mjs'), name, '--smoke', '--json'],
    { cwd: root, timeoutMs: BENCH_MS_MAX, capture: true },
  );
  console.log(`\n▸ bench ${name} --smoke`);
  process.stdout.write(output);
  if (!ok) fail(`bench ${name} (${why})`);
  else if (!isOneJsonLine(output)) fail(`bench ${name} (its output is not one line of JSON)`);
  else passed += 1;
}

function isOneJsonLine(text) {
  if (!text.endsWith('\n') || text.indexOf('\n') !== text.length - 1) return false;
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}

function fail(what) {
  failed += 1;
  failures.push(what);
}
