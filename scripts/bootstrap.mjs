/**
 * Makes a checkout ready, then becomes the script that was asked for.
 *
 *   node scripts/bootstrap.mjs --build
 *   node scripts/bootstrap.mjs --run FILE [--] [ARGS…]
 *
 * Uses nothing but Node, because it runs before anything is installed. It
 *
 *   1. installs, when the installed tree is not what package-lock.json describes;
 *   2. builds dist/, when it was not built from the sources that are there now;
 *   3. imports FILE (a path from the repository's root) in this very process: exit codes, signals
 *      and standard streams are FILE's own, with nothing in between that could lose them.
 *
 * Standard output belongs to FILE; whatever is said here goes to standard error. Steps 1 and 2 are
 * done under a lock, so that two at once wait for each other instead of colliding. The stamp of a
 * step is removed before it starts and written after it has succeeded: a step that was cut off is
 * done again.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { withLock } from './lib/lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);

const LOCK_FILE = at('package-lock.json');
const INSTALL_STAMP = at('node_modules', '.holdfast-lock-hash');
const INSTALLED_TREE = at('node_modules', '.package-lock.json');
const DIST = at('dist');
/** Beside dist, not below it: source maps hold paths relative to their own depth. */
const DIST_NEXT = at('dist-next');
const DIST_OLD = at('dist-old');
const BUILD_STAMP = join(DIST, '.build-hash');

/** What a signal makes of an exit code, as a shell counts them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

class Refusal extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

let request;
try {
  checkNode();
  request = parse(process.argv.slice(2));
  if (whatIsMissing() !== null) await withLock(at('.cache', 'bootstrap.lock'), say, makeReady);
  if (request.file !== undefined && !existsSync(request.file)) {
    throw new Refusal(`${request.file} does not exist`);
  }
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  say(error.message);
  process.exit(error.exitCode);
}

// Outside the try: what FILE throws is FILE's own affair.
if (request.file !== undefined) {
  process.argv = [process.execPath, request.file, ...request.args];
  await import(pathToFileURL(request.file).href);
}

function parse(args) {
  if (args.length === 1 && args[0] === '--build') return { args: [] };
  if (args[0] === '--run' && args[1] !== undefined) {
    return { file: resolve(root, args[1]), args: args.slice(args[2] === '--' ? 3 : 2) };
  }
  throw new Refusal('usage: bootstrap.mjs --build | --run FILE [--] [ARGS…]', 2);
}

function checkNode() {
  const wanted = JSON.parse(readFileSync(at('package.json'), 'utf8')).engines.node;
  const [, major, minor] = /^>=(\d+)\.(\d+)/.exec(wanted).map(Number);
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number);
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return;
  throw new Refusal(
    `Node.js ${wanted} is needed, this is ${process.versions.node}. Install a newer Node.js ` +
      'and run the command again.',
  );
}

/** @returns null when everything is in place; it costs a few milliseconds to say so */
function whatIsMissing() {
  return whyInstall() ?? whyBuild();
}

async function makeReady() {
  const install = whyInstall();
  if (install !== null) await installTree(install);
  const build = whyBuild();
  if (build !== null) await buildPackage(build);
}

function whyInstall() {
  if (!existsSync(INSTALLED_TREE)) return 'nothing is installed yet';
  const stamp = readOrEmpty(INSTALL_STAMP);
  if (stamp === installHash()) return null;
  if (stamp === '' && isTreeAsLocked()) {
    // Installed by hand with npm, and just what the lock file says: take it as it is.
    writeFileSync(INSTALL_STAMP, installHash());
    return null;
  }
  return 'the installed packages are not those of package-lock.json';
}

/** Native packages differ by platform, so a tree that was copied to another is not installed. */
function installHash() {
  return hash([readFileSync(LOCK_FILE), process.platform, process.arch]);
}

function isTreeAsLocked() {
  try {
    const wanted = JSON.parse(readFileSync(LOCK_FILE, 'utf8')).packages;
    const have = JSON.parse(readFileSync(INSTALLED_TREE, 'utf8')).packages;
    return (
      Object.keys(have).every((path) => wanted[path] !== undefined) &&
      Object.entries(wanted).every(([path, entry]) => {
        if (path === '') return true;
        const found = have[path];
        if (found === undefined) return entry.optional === true;
        return found.version === entry.version && found.integrity === entry.integrity;
      })
    );
  } catch {
    return false;
  }
}

async function installTree(why) {
  say(`installing the packages of package-lock.json (${why})`);
  rmSync(INSTALL_STAMP, { force: true });
  const args = ['ci', '--include=dev', '--loglevel=error', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath;
  const isNpm = npm !== undefined && basename(npm) === 'npm-cli.js';
  const code = isNpm
    ? await call(process.execPath, [npm, ...args])
    : await call('npm', args, { shell: process.platform === 'win32' });
  if (code !== 0) throw new Refusal(`npm ci failed (${code}); its messages stand above`);
  writeFileSync(INSTALL_STAMP, installHash());
}

function whyBuild() {
  const stamp = readOrEmpty(BUILD_STAMP);
  if (stamp === '') return 'nothing is built yet';
  return stamp === buildHash() ? null : 'the sources have changed';
}

function buildHash() {
  const parts = [readFileSync(at('tsconfig.json')), readFileSync(LOCK_FILE)];
  for (const file of filesBelow('src')) parts.push(file, readFileSync(at(file)));
  return hash(parts);
}

/**
 * Builds beside the old dist and then changes places, so that whoever is running the old one meets
 * a missing file for a moment at most, and a failed build leaves nothing half-written.
 */
async function buildPackage(why) {
  say(`building dist/ (${why})`);
  const built = buildHash();
  rmSync(DIST_NEXT, { recursive: true, force: true });
  const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
  await buildStep('tsc', [tsc, '-p', 'tsconfig.json', '--outDir', DIST_NEXT]);
  if (existsSync(join(DIST_NEXT, 'module', 'runtime-bundle.js'))) {
    await buildStep('build-runtime', [at('scripts', 'lib', 'build-runtime.mjs'), DIST_NEXT]);
  }
  const main = join(DIST_NEXT, 'cli', 'main.js');
  if (existsSync(main)) chmodSync(main, 0o755);
  writeFileSync(join(DIST_NEXT, basename(BUILD_STAMP)), built);
  rmSync(DIST_OLD, { recursive: true, force: true });
  if (existsSync(DIST)) renameSync(DIST, DIST_OLD);
  renameSync(DIST_NEXT, DIST);
  rmSync(DIST_OLD, { recursive: true, force: true });
}

async function buildStep(name, args) {
  const code = await call(process.execPath, args);
  if (code === 0) return;
  rmSync(DIST_NEXT, { recursive: true, force: true });
  throw new Refusal(`the build failed (${name}: ${code}); its messages stand above`);
}

/**
 * Runs a program with its standard output on our standard error; gives its exit code or signal.
 * A signal to us goes to it as well, and we stay until it is gone: else it would still be at work
 * when the next one finds our lock without a holder.
 */
function call(program, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
    let stopped;
    const pass = (signal) => {
      stopped = signal;
      child.kill(signal);
    };
    for (const signal of Object.keys(SIGNALS)) process.on(signal, pass);
    const settle = (action) => {
      for (const signal of Object.keys(SIGNALS)) process.removeListener(signal, pass);
      if (stopped === undefined) action();
      else fail(new Refusal(`stopped by ${stopped}`, SIGNALS[stopped]));
    };
    child.on('error', (error) =>
      settle(() => fail(new Refusal(`cannot run ${program}: ${error.message}`))),
    );
    child.on('exit', (code, signal) => settle(() => done(code ?? signal)));
  });
}

function filesBelow(folder) {
  const found = [];
  for (const entry of readdirSync(at(folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...filesBelow(path));
    else found.push(path);
  }
  return found.sort();
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function hash(parts) {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(`${part.length}:`).update(part);
  return sum.digest('hex');
}

function say(message) {
  process.stderr.write(`holdfast: ${message}\n`);
}
