import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { definedCommands, parseCommandLine, UsageError } from '../../dist/cli/arguments.js';
import { killCauses } from '../../dist/demo/kill-plan.js';

describe('the command line', () => {
  test('run, with everything', () => {
    const line =
      'run my.job.ts --parallelism 3 --checkpoints cp --interval 250 --restore none --arg a=1 --arg b=x=y --tree --json';
    expect(parseCommandLine(line.split(' '))).toEqual({
      kind: 'run',
      job: 'my.job.ts',
      parallelism: 3,
      checkpoints: 'cp',
      intervalMs: 250,
      restore: 'none',
      allowDropped: [],
      args: { a: '1', b: 'x=y' },
      tree: true,
      output: 'json',
    });
  });

  test('run, with nothing but the job', () => {
    expect(parseCommandLine(['run', 'my.job.ts'])).toEqual({
      kind: 'run',
      job: 'my.job.ts',
      parallelism: undefined,
      checkpoints: undefined,
      intervalMs: undefined,
      restore: undefined,
      allowDropped: [],
      args: {},
      tree: false,
      output: 'people',
    });
  });

  test('run, with patience', () => {
    const given = ['run', 'my.job.ts', '--stop-timeout', '20000', '--heartbeat-timeout', '5000'];
    expect(parseCommandLine(given)).toMatchObject({
      stopTimeoutMs: 20_000,
      heartbeatTimeoutMs: 5_000,
    });
    expect(() => parseCommandLine([...given.slice(0, 4), '--heartbeat-timeout', '100'])).toThrow(
      '--heartbeat-timeout',
    );
  });

  test('demo and checkpoints', () => {
    expect(parseCommandLine(['demo'])).toEqual({
      kind: 'demo',
      kills: 10,
      causes: killCauses,
      seed: undefined,
      output: 'people',
    });
    expect(
      parseCommandLine(['demo', '--kills', '3', '--causes', 'hang,exit', '--seed', '7', '--json']),
    ).toEqual({ kind: 'demo', kills: 3, causes: ['hang', 'exit'], seed: 7, output: 'json' });
    expect(parseCommandLine(['checkpoints', 'cp', '--verify'])).toEqual({
      kind: 'checkpoints',
      directory: 'cp',
      verify: true,
      show: undefined,
      history: false,
      output: 'people',
    });
    expect(parseCommandLine(['checkpoints', 'cp', '--show', '12', '--json'])).toEqual({
      kind: 'checkpoints',
      directory: 'cp',
      verify: false,
      show: 12,
      history: false,
      output: 'json',
    });
    expect(parseCommandLine(['checkpoints', 'cp', '--history', '--show', '3'])).toMatchObject({
      history: true,
      show: 3,
    });
    expect(() => parseCommandLine(['checkpoints', 'cp', '--history', '--verify'])).toThrow(
      '--history',
    );
  });

  test('savepoint', () => {
    expect(parseCommandLine(['savepoint', 'cp', 'to', '--checkpoint', '7'])).toEqual({
      kind: 'savepoint',
      directory: 'cp',
      to: 'to',
      checkpoint: 7,
      output: 'people',
    });
  });

  test.each([[[]], [['help']], [['--help']], [['run', '--help']], [['demo', '-h']]])(
    'help: %j',
    (argv) => {
      expect(parseCommandLine(argv)).toMatchObject({ kind: 'help' });
    },
  );

  test('the page of one command is its own', () => {
    const page = (...argv: string[]) => parseCommandLine(argv) as { readonly text: string };
    expect(page('savepoint', '--help').text).toMatch(/^Usage: holdfast savepoint DIR TO/);
    expect(page('savepoint', '--help').text).not.toContain('--parallelism');
    for (const { name, flags } of definedCommands()) {
      for (const flag of flags) {
        expect(page('--help').text).toContain(flag);
        expect(page(name, '-h').text).toContain(flag);
      }
    }
  });

  test('README lists the commands, and no option that is none', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const lists = readme.matchAll(/^(?:npx )?holdfast (\w+)(.*)$/gm);
    const commands = new Map(definedCommands().map(({ name, flags }) => [name, flags]));
    const told = new Set<string>();
    for (const [, name = '', rest = ''] of lists) {
      told.add(name);
      for (const [flag] of rest.matchAll(/--[\w-]+/g)) expect(commands.get(name)).toContain(flag);
    }
    expect([...told].sort()).toEqual([...commands.keys()].sort());
  });

  test('a name that is special to JavaScript is an argument like any other', () => {
    const { args } = parseCommandLine(['run', 'a.ts', '--arg', '__proto__=1']) as {
      readonly args: object;
    };
    expect(Object.entries(args)).toEqual([['__proto__', '1']]);
  });

  test('an argument of the job may look like a request for help', () => {
    expect(parseCommandLine(['run', '--arg', 'x=--help', 'job.ts'])).toMatchObject({ kind: 'run' });
    expect(parseCommandLine(['run', '--', '--help'])).toMatchObject({ kind: 'run', job: '--help' });
  });

  test.each([
    [['rum'], /'rum' is none of holdfast's commands/],
    [['run'], /run needs a job module/],
    [['--paralelism', '2'], /Unknown option '--paralelism'/],
    [['savepoint', 'cp'], /savepoint needs two folders/],
    [['savepoint', 'a', 'b', 'c'], /savepoint needs two folders/],
    [['savepoint', 'a', 'b', '--checkpoint', '0'], /--checkpoint must be/],
    [['run', 'a.ts', 'b.ts'], /one job module, not also 'b\.ts'/],
    [['run', 'a.ts', '--paralelism', '2'], /Unknown option '--paralelism'/],
    [['run', 'a.ts', '--parallelism', 'two'], /--parallelism must be a whole number/],
    [['run', 'a.ts', '--parallelism', '0'], /from 1 to/],
    [['run', 'a.ts', '--parallelism', '1e9'], /--parallelism/],
    [['run', 'a.ts', '--parallelism'], /argument missing/],
    [['run', 'a.ts', '--arg', 'novalue'], /--arg must be NAME=VALUE/],
    [['run', 'a.ts', '--arg', '=x'], /--arg must be NAME=VALUE/],
    [['run', 'a.ts', '--quiet', '--json'], /exclude each other/],
    [['run', 'a.ts', '--interval', '100'], /--interval needs --checkpoints/],
    [['run', 'a.ts', '--restore', 'latest'], /--restore needs --checkpoints/],
    [['run', 'a.ts', '--json=yes'], /Unknown option '--json=yes'/],
    [['demo', '--kills', '-1'], /--kills/],
    [['demo', '--kills', '21'], /from 0 to 20/],
    [['demo', '--causes', 'fire'], /--causes knows terminate.*not 'fire'/],
    [['demo', 'now'], /demo takes no 'now'/],
    [['checkpoints'], /needs a directory/],
    [['checkpoints', 'cp', '--show', 'newest'], /--show must be a whole number from 1/],
    [['checkpoints', 'cp', '--show', '1', '--verify'], /leave --verify out/],
  ])('a mistake: %j', (argv, message) => {
    expect(() => parseCommandLine(argv)).toThrow(UsageError);
    expect(() => parseCommandLine(argv)).toThrow(message);
  });
});
