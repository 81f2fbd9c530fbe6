/** The command line, as data. Nothing is looked up or run here. */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type DemoCause, killCauses } from '../demo/kill-plan.js';
import type { OutputMode } from '../terminal/console.js';
import { UsageError } from './usage-error.js';

/** The service behind addresses as `s3://bucket/prefix`; what is not given, the environment tells. */
export interface S3Flags {
  readonly s3Endpoint: string | undefined;
  readonly s3Region: string | undefined;
}

export interface RunCommand extends S3Flags {
  readonly kind: 'run';
  readonly job: string;
  readonly parallelism: number | undefined;
  readonly checkpoints: string | undefined;
  readonly intervalMs: number | undefined;
  readonly restore: string | undefined;
  readonly allowDropped: readonly string[];
  readonly stopTimeoutMs: number | undefined;
  readonly args: Readonly<Record<string, string>>;
  /** Show the tree of supervision. */
  readonly tree: boolean;
  readonly output: OutputMode;
}

export interface DemoCommand {
  readonly kind: 'demo';
  readonly kills: number;
  readonly causes: readonly DemoCause[];
  readonly seed: number | undefined;
  readonly output: OutputMode;
}

export interface CheckpointsCommand extends S3Flags {
  readonly kind: 'checkpoints';
  readonly directory: string;
  readonly verify: boolean;
  /** The checkpoint whose contents are wanted. */
  readonly show: number | undefined;
  /** What checkpoints have cost. */
  readonly history: boolean;
  readonly output: OutputMode;
}

export interface CompatibleCommand extends S3Flags {
  readonly kind: 'compatible';
  readonly directory: string;
  readonly job: string;
  /** Default: the newest. */
  readonly checkpoint: number | undefined;
  readonly args: Readonly<Record<string, string>>;
  readonly allowDropped: readonly string[];
  readonly output: OutputMode;
}

export interface SavepointCommand extends S3Flags {
  readonly kind: 'savepoint';
  readonly directory: string;
  readonly to: string;
  /** Default: the newest. */
  readonly checkpoint: number | undefined;
  readonly output: OutputMode;
}

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | RunCommand
  | DemoCommand
  | CheckpointsCommand
  | CompatibleCommand
  | SavepointCommand;

/** More would not fit into the demo's three million records, a checkpoint apart. */
export const KILLS_MAX = 20;

/** @param argv without the program and its script. @throws UsageError */
export function parseCommandLine(argv: readonly string[]): Command {
  const [name, ...rest] = argv;
  const options = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : argv.length);
  if (
    name === undefined ||
    name === 'help' ||
    options.some((arg) => arg === '--help' || arg === '-h')
  ) {
    return { kind: 'help' };
  }
  switch (name) {
    case '--version':
    case '-v':
      return { kind: 'version' };
    case 'run':
      return runCommand(rest);
    case 'demo':
      return demoCommand(rest);
    case 'checkpoints':
      return checkpointsCommand(rest);
    case 'savepoint':
      return savepointCommand(rest);
    default:
      throw new UsageError(
        `'${name}' is none of holdfast's commands: run, demo, checkpoints, savepoint.`,
      );
  }
}

function runCommand(argv: readonly string[]): RunCommand {
  const { values, positionals } = parse(argv, {
    parallelism: { type: 'string' },
    checkpoints: { type: 'string' },
    interval: { type: 'string' },
    restore: { type: 'string' },
    'allow-dropped': { type: 'string', multiple: true },
    ...S3_OPTIONS,
    'stop-timeout': { type: 'string' },
    arg: { type: 'string', multiple: true },
    tree: { type: 'boolean' },
    quiet: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  const job = one(positionals, 'run', 'a job module', 'holdfast run my.job.ts');
  if (values.quiet === true && values.json === true) {
    throw new UsageError('--quiet and --json exclude each other.');
  }
  if (values.interval !== undefined && values.checkpoints === undefined) {
    throw new UsageError('--interval needs --checkpoints PLACE.');
  }
  if (values.restore !== undefined && values.checkpoints === undefined) {
    throw new UsageError('--restore needs --checkpoints PLACE.');
  }
  return {
    kind: 'run',
    job,
    parallelism: whole('--parallelism', values.parallelism, 1, 1_024),
    checkpoints: values.checkpoints,
    intervalMs: whole('--interval', values.interval, 10, 2_147_483_647),
    restore: values.restore,
    allowDropped: values['allow-dropped'] ?? [],
    stopTimeoutMs: whole('--stop-timeout', values['stop-timeout'], 1, 2_147_483_647),
    ...s3Flags(values, [values.checkpoints, values.restore]),
    args: argumentsOf(values.arg ?? []),
    tree: values.tree ?? false,
    output: values.json === true ? 'json' : values.quiet === true ? 'quiet' : 'people',
  };
}

function demoCommand(argv: readonly string[]): DemoCommand {
  const { values, positionals } = parse(argv, {
    kills: { type: 'string' },
    causes: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean' },
  });
  if (positionals.length > 0) throw new UsageError(`demo takes no '${positionals[0]}'.`);
  return {
    kind: 'demo',
    kills: whole('--kills', values.kills, 0, KILLS_MAX) ?? 10,
    causes: causesOf(values.causes),
    seed: whole('--seed', values.seed, 0, Number.MAX_SAFE_INTEGER),
    output: values.json === true ? 'json' : 'people',
  };
}

function checkpointsCommand(argv: readonly string[]): CheckpointsCommand | CompatibleCommand {
  const { values, positionals } = parse(argv, {
    verify: { type: 'boolean' },
    show: { type: 'string' },
    compatible: { type: 'string' },
    checkpoint: { type: 'string' },
    arg: { type: 'string', multiple: true },
    'allow-dropped': { type: 'string', multiple: true },
    ...S3_OPTIONS,
    history: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  if (values.history === true && values.verify === true) {
    throw new UsageError(
      '--history reads no checkpoint that could be verified: leave one of them out.',
    );
  }
  if (values.verify === true && values.show !== undefined) {
    throw new UsageError('--show checks what it shows: leave --verify out.');
  }
  const directory = one(
    positionals,
    'checkpoints',
    'a directory',
    'holdfast checkpoints ./checkpoints',
  );
  const output = values.json === true ? 'json' : 'people';
  if (values.compatible !== undefined) {
    if (values.verify === true || values.show !== undefined) {
      throw new UsageError('--compatible stands alone: leave --verify and --show out.');
    }
    return {
      kind: 'compatible',
      directory,
      ...s3Flags(values, [directory]),
      job: values.compatible,
      checkpoint: whole('--checkpoint', values.checkpoint, 1, Number.MAX_SAFE_INTEGER),
      args: argumentsOf(values.arg ?? []),
      allowDropped: values['allow-dropped'] ?? [],
      output,
    };
  }
  for (const option of ['checkpoint', 'arg', 'allow-dropped'] as const) {
    if (values[option] === undefined) continue;
    throw new UsageError(`--${option} belongs to --compatible JOB.`);
  }
  return {
    kind: 'checkpoints',
    directory,
    ...s3Flags(values, [directory]),
    verify: values.verify ?? false,
    show: whole('--show', values.show, 1, Number.MAX_SAFE_INTEGER),
    history: values.history ?? false,
    output,
  };
}

function savepointCommand(argv: readonly string[]): SavepointCommand {
  const { values, positionals } = parse(argv, {
    checkpoint: { type: 'string' },
    ...S3_OPTIONS,
    json: { type: 'boolean' },
  });
  const [directory, to, more] = positionals;
  if (directory === undefined || to === undefined || more !== undefined) {
    throw new UsageError(
      'savepoint needs two folders: holdfast savepoint ./checkpoints ./savepoints/monday',
    );
  }
  return {
    kind: 'savepoint',
    directory,
    to,
    ...s3Flags(values, [directory, to]),
    checkpoint: whole('--checkpoint', values.checkpoint, 1, Number.MAX_SAFE_INTEGER),
    output: values.json === true ? 'json' : 'people',
  };
}

const S3_OPTIONS = {
  's3-endpoint': { type: 'string' },
  's3-region': { type: 'string' },
} as const;

function s3Flags(
  values: { readonly 's3-endpoint'?: string; readonly 's3-region'?: string },
  places: readonly (string | undefined)[],
): S3Flags {
  const { 's3-endpoint': s3Endpoint, 's3-region': s3Region } = values;
  const given = [s3Endpoint && '--s3-endpoint', s3Region && '--s3-region'].find(Boolean);
  if (given !== undefined && !places.some((place) => place?.startsWith('s3:'))) {
    throw new UsageError(`${given} needs a place in S3, as s3://BUCKET/PREFIX.`);
  }
  return { s3Endpoint, s3Region };
}

function parse<O extends NonNullable<ParseArgsConfig['options']>>(
  argv: readonly string[],
  options: O,
) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\. To specify a positional.*$/s, '.'));
  }
}

function one(
  positionals: readonly string[],
  command: string,
  what: string,
  example: string,
): string {
  const [first, second] = positionals;
  if (first === undefined) throw new UsageError(`${command} needs ${what}: ${example}`);
  if (second !== undefined)
    throw new UsageError(`${command} takes one ${what.slice(2)}, not also '${second}'.`);
  return first;
}

function whole(
  name: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`${name} must be a whole number from ${least} to ${most}, not '${text}'.`);
}

function argumentsOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  const entries = pairs.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--arg must be NAME=VALUE, not '${pair}'.`);
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  return Object.fromEntries(entries);
}

function causesOf(text: string | undefined): readonly DemoCause[] {
  if (text === undefined) return killCauses;
  const names = text.split(',').map((name) => name.trim());
  return names.map((name) => {
    const cause = killCauses.find((known) => known === name);
    if (cause !== undefined) return cause;
    throw new UsageError(`--causes knows ${killCauses.join(', ')}; not '${name}'.`);
  });
}
