/**
 * The bootstrap in a small repository of its own, with an npm and a compiler that write down that
 * they were called. What is tested is when it does what, and that nothing gets in the way of the
 * script it runs.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const scripts = fileURLToPath(new URL('../../scripts', import.meta.url));
let root: string;
const at = (...parts: string[]) => join(root, ...parts);

const NPM = `
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
console.log('npm speaks on standard output');
if (existsSync('broken-registry')) process.exit(9);
appendFileSync('calls', 'npm ' + process.argv.slice(2).join(' ') + '\\n');
rmSync('node_modules', { recursive: true, force: true });
mkdirSync('node_modules/typescript/bin', { recursive: true });
writeFileSync('node_modules/typescript/bin/tsc', process.env.TEST_TSC);
writeFileSync('node_modules/.package-lock.json', '{}');
`;

const TSC = `
const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
console.log('tsc speaks on standard output');
const source = readFileSync('src/main.ts', 'utf8');
if (source.includes('type error')) process.exit(2);
const out = process.argv[process.argv.indexOf('--outDir') + 1];
setTimeout(() => {
  appendFileSync('calls', 'tsc\\n');
  mkdirSync(out + '/cli', { recursive: true });
  writeFileSync(out + '/cli/main.js', source);
}, Number(process.env.TEST_TSC_MS ?? 0));
`;

const MAIN = 'console.log(JSON.stringify(process.argv.slice(1)));';

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-bootstrap-')));
  cpSync(scripts, at('scripts'), { recursive: true });
  mkdirSync(at('src'));
  mkdirSync(at('npm'));
  writeFileSync(at('npm', 'npm-cli.js'), NPM);
  writeFileSync(at('npm', 'package.json'), '{ "type": "module" }');
  writeFileSync(at('package.json'), '{ "type": "module", "engines": { "node": ">=20.19" } }');
  writeFileSync(at('package-lock.json'), '{ "packages": { "": {} } }');
  writeFileSync(at('tsconfig.json'), '{}');
  writeFileSync(at('src', 'main.ts'), MAIN);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Run {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [at('scripts', 'bootstrap.mjs'), ...args], {
    cwd: tmpdir(),
    env: { ...process.env, npm_execpath: at('npm', 'npm-cli.js'), TEST_TSC: TSC, ...env },
  });
}

function ended(child: ChildProcess): Promise<Run> {
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((done) => {
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr }));
  });
}

const bootstrap = (args: string[], env?: Record<string, string>) => ended(start(args, env));
const demo = (...args: string[]) => bootstrap(['--run', 'dist/cli/main.js', '--', ...args]);

function calls(): string[] {
  return existsSync(at('calls')) ? readFileSync(at('calls'), 'utf8').trimEnd().split('\n') : [];
}

describe('what is done when', () => {
  test('from nothing: installs, builds and runs, and standard output is the script’s own', async () => {
    const { code, stdout, stderr } = await demo('--json', '--', 'a b');
    expect(JSON.parse(stdout)).toEqual([at('dist', 'cli', 'main.js'), '--json', '--', 'a b']);
    expect(stderr).toContain('holdfast: installing');
    expect(stderr).toContain('nothing is installed yet');
    expect(stderr).toContain('npm speaks');
    expect(stderr).toContain('tsc speaks');
    expect(code).toBe(0);
    expect(calls()[0]).toMatch(/^npm ci --include=dev /);
    expect(calls()[1]).toBe('tsc');
    expect(existsSync(at('dist-next'))).toBe(false);
    expect(existsSync(at('.cache', 'bootstrap.lock'))).toBe(false);
  });

  test('a second time: nothing, and it says nothing', async () => {
    await demo();
    const { stderr } = await demo();
    expect(stderr).toBe('');
    expect(calls().length).toBe(2);
  });

  test('a source changed, came or went: builds', async () => {
    await demo();
    for (const change of [
      () => appendFileSync(at('src', 'main.ts'), '\n// changed'),
      () => writeFileSync(at('src', 'more.ts'), ''),
      () => rmSync(at('src', 'more.ts')),
    ]) {
      change();
      const { stderr } = await demo();
      expect(stderr).toContain('the sources have changed');
    }
    expect(calls().slice(1)).toEqual(['tsc', 'tsc', 'tsc', 'tsc']);
  });

  test('dist is gone: builds', async () => {
    await demo();
    rmSync(at('dist'), { recursive: true });
    await bootstrap(['--build']);
    expect(existsSync(at('dist', 'cli', 'main.js'))).toBe(true);
  });

  test('the lock file changed, or the installed tree is gone: installs', async () => {
    await demo();
    writeFileSync(at('package-lock.json'), '{ "packages": { "": {}, "node_modules/x": {} } }');
    expect((await demo()).stderr).toContain('not those of package-lock.json');
    rmSync(at('node_modules'), { recursive: true });
    expect((await demo()).stderr).toContain('nothing is installed yet');
    expect(calls().filter((call) => call.startsWith('npm')).length).toBe(3);
  });

  test('a tree that npm installed by hand, just as locked, is taken as it is', async () => {
    const entry = { version: '1.0.0', integrity: 'sha512-x' };
    const packages = { 'node_modules/a': entry };
    const optional = { 'node_modules/b': { ...entry, optional: true } };
    mkdirSync(at('node_modules', 'typescript', 'bin'), { recursive: true });
    writeFileSync(at('node_modules', 'typescript', 'bin', 'tsc'), TSC);
    const tree = (given: object) =>
      writeFileSync(at('node_modules', '.package-lock.json'), JSON.stringify({ packages: given }));
    writeFileSync(
      at('package-lock.json'),
      JSON.stringify({ packages: { '': {}, ...packages, ...optional } }),
    );
    tree(packages);
    await demo();
    expect(calls()).toEqual(['tsc']);

    rmSync(at('node_modules', '.holdfast-lock-hash'));
    tree({ 'node_modules/a': { ...entry, version: '1.0.1' } });
    await demo();
    expect(calls()[1]).toMatch(/^npm ci/);
  });
});

describe('what goes wrong', () => {
  test('a failed install ends it, and is tried again the next time', async () => {
    writeFileSync(at('broken-registry'), '');
    const { code, stdout, stderr } = await demo();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('npm ci failed (9)');
    rmSync(at('broken-registry'));
    expect((await demo()).code).toBe(0);
  });

  test('a failed build ends it, keeps the old dist, and is tried again the next time', async () => {
    await demo();
    writeFileSync(at('src', 'main.ts'), '// type error');
    for (let i = 0; i < 2; i += 1) {
      const { code, stdout, stderr } = await demo();
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain('the build failed (tsc: 2)');
    }
    expect(readFileSync(at('dist', 'cli', 'main.js'), 'utf8')).toBe(MAIN);
    expect(existsSync(at('dist-next'))).toBe(false);
  });

  test('an older Node.js is told so', async () => {
    writeFileSync(at('package.json'), '{ "engines": { "node": ">=9999.5" } }');
    const { code, stderr } = await demo();
    expect(code).toBe(1);
    expect(stderr).toContain(`Node.js >=9999.5 is needed, this is ${process.versions.node}`);
    expect(calls()).toEqual([]);
  });

  test('a wrong call, and a script that is not there', async () => {
    expect(await bootstrap(['--biuld'])).toMatchObject({ code: 2 });
    const { code, stderr } = await bootstrap(['--run', 'dist/none.js']);
    expect(code).toBe(1);
    expect(stderr).toContain('none.js does not exist');
  });
});

describe('the script keeps what is its own', () => {
  test('its exit code', async () => {
    writeFileSync(at('src', 'main.ts'), 'process.exitCode = 7;');
    expect(await demo()).toMatchObject({ code: 7, stdout: '' });
  });

  test('its errors', async () => {
    writeFileSync(at('src', 'main.ts'), "throw new Error('the script’s own');");
    const { code, stderr } = await demo();
    expect(code).toBe(1);
    expect(stderr).toContain('Error: the script’s own');
  });

  test('its signals', async () => {
    writeFileSync(
      at('src', 'main.ts'),
      "process.on('SIGTERM', () => { console.log('stopping'); process.exit(3); });" +
        "setInterval(() => {}, 1_000); console.log('ready');",
    );
    const child = start(['--run', 'dist/cli/main.js']);
    child.stdout!.once('data', () => child.kill('SIGTERM'));
    expect(await ended(child)).toMatchObject({ code: 3, stdout: 'ready\nstopping\n' });
  });
});

describe('two at once', () => {
  test('one does the work, the other waits for it', async () => {
    const env = { TEST_TSC_MS: '500' };
    const runs = await Promise.all([1, 2, 3].map(() => bootstrap(['--build'], env)));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(calls().length).toBe(2);
  });

  const lock = (content: object) => {
    mkdirSync(at('.cache'));
    writeFileSync(at('.cache', 'bootstrap.lock'), JSON.stringify(content));
  };

  test('the lock of a process that is gone is taken over', async () => {
    const gone = spawn(process.execPath, ['--version']);
    await ended(gone);
    lock({ pid: gone.pid, host: hostname(), token: 'x' });
    expect((await demo()).code).toBe(0);
  });

  test('a lock that nobody has touched for long is taken over, whoever may bear its number', async () => {
    lock({ pid: process.pid, host: hostname(), token: 'x' });
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(at('.cache', 'bootstrap.lock'), longAgo, longAgo);
    expect((await demo()).code).toBe(0);
  });

  test('the lock of a living process is waited for', async () => {
    lock({ pid: process.pid, host: hostname(), token: 'x' });
    const child = start(['--build']);
    child.stderr!.once('data', () => rmSync(at('.cache', 'bootstrap.lock')));
    const { code, stderr } = await ended(child);
    expect(stderr).toContain(`waiting for process ${process.pid}`);
    expect(code).toBe(0);
  });

  test('one that is stopped in the middle leaves nothing in the way', async () => {
    const child = start(['--build'], { TEST_TSC_MS: '60000' });
    child.stderr!.on('data', (text) => {
      if (String(text).includes('tsc speaks')) child.kill('SIGTERM');
    });
    expect(await ended(child)).toMatchObject({ code: 143 });
    expect(existsSync(at('.cache', 'bootstrap.lock'))).toBe(false);
    expect((await demo()).code).toBe(0);
  });
});
