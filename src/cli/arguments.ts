/**
 * The command line as data, and the pages of `--help`, both from one definition. This file neither looks anything
 * up nor runs anything.
 */

import { Command, type CommanderError, Option } from 'commander';
import { HoldfastError } from '../base/errors.js';
import { isError } from '../base/realm.js';
import { type DemoCause, killCauses } from '../demo/kill-plan.js';
import type { OutputMode } from '../terminal/console.js';
import { exitCodePage } from './exit-codes.js';
import { STOP_TIMEOUT_MS } from './stop-signals.js';

/** A mistake on the command line: the program says so, points to `--help`, and exits with 2. */
export class UsageError extends HoldfastError {
  constructor(message: string) {
    super('ERR_HOLDFAST_BAD_OPTION', message);
  }
}

/** The service behind addresses such as `s3://bucket/prefix`. The environment tells what is not given. */
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
  /** The silence after which a thread is taken for hung. */
  readonly heartbeatTimeoutMs: number | undefined;
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

export type CommandLine =
  /** `text` is the page of all commands, or that of one. */
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | RunCommand
  | DemoCommand
  | CheckpointsCommand
  | CompatibleCommand
  | SavepointCommand;

/** More kills, with a checkpoint between any two, would not fit into the demo's three million records. */
export const KILLS_MAX = 20;

const MOST_MS = 2_147_483_647;
const HELP_COLUMNS = 96;

/** @param argv without the program and its script. @throws UsageError */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  let parsed: CommandLine | undefined;
  const program = define((command) => {
    parsed = command;
  });
  const [name] = argv;
  if (name === undefined || name === 'help') return { kind: 'help', text: pageOf(program) };
  if (name === '--version' || name === '-v') return { kind: 'version' };
  if (!name.startsWith('-') && !program.commands.some((command) => command.name() === name)) {
    const names = program.commands.map((command) => command.name()).join(', ');
    throw new UsageError(`'${name}' is none of holdfast's commands: ${names}.`);
  }
  try {
    program.parse([...argv], { from: 'user' });
  } catch (error) {
    if (!isCommanderError(error)) throw error;
    if (error.code !== 'commander.helpDisplayed') throw new UsageError(sentenceOf(error.message));
    const command = program.commands.find((each) => each.name() === name);
    return { kind: 'help', text: command?.helpInformation() ?? pageOf(program) };
  }
  if (parsed === undefined) throw new UsageError('there is no command.');
  return parsed;
}

/**
 * The names and options of all commands.
 * @public a test compares them with README and the pages
 */
export function definedCommands(): readonly { readonly name: string; readonly flags: string[] }[] {
  return define(() => {}).commands.map((command) => ({
    name: command.name(),
    flags: command.options.map(({ long }) => long ?? ''),
  }));
}

function define(use: (command: CommandLine) => void): Command {
  const program = bare(new Command('holdfast'))
    .description('Holdfast: fault-tolerant, stateful stream processing.')
    .usage('COMMAND [options]')
    .helpCommand(false)
    .option('-v, --version', "print the package's version");
  for (const command of [runCommand, demoCommand, checkpointsCommand, savepointCommand]) {
    program.addCommand(bare(command(use)));
  }
  return program;
}

/** Keeps commander from writing and exiting by itself. */
function bare(command: Command): Command {
  return command
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {}, outputError: () => {} })
    .allowExcessArguments()
    .configureHelp({
      helpWidth: HELP_COLUMNS,
      subcommandTerm: (each) => `${each.name()} ${each.usage()}`,
    })
    .helpOption('-h, --help', 'print this page');
}

interface RunGiven extends S3Given {
  readonly parallelism?: number;
  readonly checkpoints?: string;
  readonly interval?: number;
  readonly restore?: string;
  readonly allowDropped?: readonly string[];
  readonly stopTimeout?: number;
  readonly heartbeatTimeout?: number;
  readonly arg?: Readonly<Record<string, string>>;
  readonly tree?: true;
  readonly quiet?: true;
  readonly json?: true;
}

function runCommand(use: (command: CommandLine) => void): Command {
  const command = new Command('run')
    .summary('run a job module (TypeScript or JavaScript) to its end')
    .description(
      'Runs a job module (TypeScript or JavaScript) to its end. The job runs in a process of its own, which is started again when it dies.',
    )
    .usage('JOB [options]')
    .argument('[JOB]', 'the module: my.job.ts')
    .addOption(
      whole('--parallelism <N>', 'worker threads (slots); default: available cores', 1, 1_024),
    )
    .option(
      '--checkpoints <DIR>',
      'where checkpoints are kept; without it a failure starts over, or ends the job',
    )
    .addOption(whole('--interval <MS>', 'time between checkpoints; default 1000', 10, MOST_MS))
    .option(
      '--restore <WHAT>',
      "latest (default), none (start afresh), a checkpoint's number, or the path of a savepoint (with a / in it), which needs an empty checkpoint directory",
    )
    .addOption(allowDropped())
    .addOption(
      whole(
        '--stop-timeout <MS>',
        `time for the last checkpoint after a signal; default ${STOP_TIMEOUT_MS}`,
        1,
        MOST_MS,
      ),
    )
    .addOption(
      whole(
        '--heartbeat-timeout <MS>',
        'after so long without a beat and without progress a thread is taken for hung; default 1000',
        200,
        MOST_MS,
      ),
    )
    .addOption(jobArguments())
    .option('--tree', 'show the tree of supervision when the job runs, and at its end')
    .option('--quiet', 'print nothing but what the job prints')
    .option(
      '--json',
      'one JSON object per line on standard output; the job prints to standard error',
    );
  return withS3(command).action((_job, given: RunGiven) => {
    const job = one(command, 'a job module', 'holdfast run my.job.ts');
    if (given.quiet && given.json) throw new UsageError('--quiet and --json exclude each other.');
    for (const option of ['interval', 'restore'] as const) {
      if (given[option] === undefined || given.checkpoints !== undefined) continue;
      throw new UsageError(`--${option} needs --checkpoints PLACE.`);
    }
    use({
      kind: 'run',
      job,
      parallelism: given.parallelism,
      checkpoints: given.checkpoints,
      intervalMs: given.interval,
      restore: given.restore,
      allowDropped: given.allowDropped ?? [],
      stopTimeoutMs: given.stopTimeout,
      heartbeatTimeoutMs: given.heartbeatTimeout,
      ...s3Flags(given, [given.checkpoints, given.restore]),
      args: given.arg ?? {},
      tree: given.tree ?? false,
      output: given.json ? 'json' : given.quiet ? 'quiet' : 'people',
    });
  });
}

function demoCommand(use: (command: CommandLine) => void): Command {
  interface Given {
    readonly kills: number;
    readonly causes: readonly DemoCause[];
    readonly seed?: number;
    readonly json?: true;
  }
  const command = new Command('demo')
    .summary('kill a job again and again, and compare its result')
    .description(
      'Runs a job over three million real flights, kills it again and again, and compares what it has published with a plain fold over the same data. Where the packages vega-datasets, hyparquet and hyparquet-compressors are not installed, the flights are made ones.',
    )
    .usage('[options]')
    .addOption(
      whole(
        '--kills <N>',
        'how many times a thread is killed; the whole process once more',
        0,
        KILLS_MAX,
      ).default(10, '10'),
    )
    .addOption(
      new Option('--causes <A,B>', `out of ${killCauses.join(', ')}`)
        .default(killCauses, 'all')
        .argParser(causesOf),
    )
    .addOption(whole('--seed <N>', 'repeats the choice of kills', 0, Number.MAX_SAFE_INTEGER))
    .option('--json', 'one JSON object per line; the last one holds the figures');
  return command.action(({ kills, causes, seed, json }: Given) => {
    const [more] = command.args;
    if (more !== undefined) throw new UsageError(`demo takes no '${more}'.`);
    use({ kind: 'demo', kills, causes, seed, output: json ? 'json' : 'people' });
  });
}

function checkpointsCommand(use: (command: CommandLine) => void): Command {
  interface Given extends S3Given {
    readonly verify?: true;
    readonly show?: number;
    readonly compatible?: string;
    readonly checkpoint?: number;
    readonly arg?: Readonly<Record<string, string>>;
    readonly allowDropped?: readonly string[];
    readonly history?: true;
    readonly json?: true;
  }
  const command = new Command('checkpoints')
    .summary('list the checkpoints of a directory, or of a bucket')
    .description(
      'Lists the checkpoints of a directory, or of a bucket. Takes no lock, changes nothing.',
    )
    .usage('DIR [options]')
    .argument('[DIR]', 'the directory, or s3://BUCKET/PREFIX')
    .option('--verify', 'check every checksum; tell whose state is damaged, and how to go on')
    .addOption(
      whole(
        '--show <N>',
        'what is inside checkpoint N: operators, sizes, positions, transactions',
        1,
        Number.MAX_SAFE_INTEGER,
      ),
    )
    .option('--history', 'what checkpoints have cost; with --show N, what each task of N took')
    .option(
      '--compatible <JOB>',
      'what would become of the state if that job started from the newest one; runs nothing',
    )
    .addOption(
      whole('--checkpoint <N>', 'with --compatible: from that one', 1, Number.MAX_SAFE_INTEGER),
    )
    .addOption(jobArguments())
    .addOption(allowDropped())
    .option('--json', 'one JSON object per line');
  return withS3(command).action((_directory, given: Given) => {
    if (given.history && given.verify) {
      throw new UsageError(
        '--history reads no checkpoint that could be verified: leave one of them out.',
      );
    }
    if (given.verify && given.show !== undefined) {
      throw new UsageError('--show checks what it shows: leave --verify out.');
    }
    const directory = one(command, 'a directory', 'holdfast checkpoints ./checkpoints');
    const output = given.json ? 'json' : 'people';
    const s3 = s3Flags(given, [directory]);
    const { compatible: job, checkpoint, arg: args = {}, allowDropped: dropped = [] } = given;
    if (job !== undefined) {
      if (given.verify || given.show !== undefined) {
        throw new UsageError('--compatible stands alone: leave --verify and --show out.');
      }
      use({
        kind: 'compatible',
        directory,
        ...s3,
        job,
        checkpoint,
        args,
        allowDropped: dropped,
        output,
      });
      return;
    }
    for (const option of ['checkpoint', 'arg', 'allowDropped'] as const) {
      if (given[option] === undefined) continue;
      const flag = option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      throw new UsageError(`--${flag} belongs to --compatible JOB.`);
    }
    const { verify = false, show, history = false } = given;
    use({ kind: 'checkpoints', directory, ...s3, verify, show, history, output });
  });
}

function savepointCommand(use: (command: CommandLine) => void): Command {
  interface Given extends S3Given {
    readonly checkpoint?: number;
    readonly json?: true;
  }
  const command = new Command('savepoint')
    .summary('copy a checkpoint to a place of its own')
    .description(
      'Copies a checkpoint to a place of its own. A savepoint is never pruned and may be moved. Start from it with --restore.',
    )
    .usage('DIR TO [options]')
    .argument('[DIR]', 'where the checkpoints are')
    .argument('[TO]', 'a folder that is not there yet, or is empty')
    .addOption(
      whole(
        '--checkpoint <N>',
        'which one; default: the newest. The job may be running.',
        1,
        Number.MAX_SAFE_INTEGER,
      ),
    )
    .option('--json', 'one JSON object');
  return withS3(command).action((_directory, _to, given: Given) => {
    const [directory, to, more] = command.args;
    if (directory === undefined || to === undefined || more !== undefined) {
      throw new UsageError(
        'savepoint needs two folders: holdfast savepoint ./checkpoints ./savepoints/monday',
      );
    }
    const output = given.json ? 'json' : 'people';
    const { checkpoint } = given;
    use({
      kind: 'savepoint',
      directory,
      to,
      ...s3Flags(given, [directory, to]),
      checkpoint,
      output,
    });
  });
}

// ---- options that several commands have ----------------------------------------------------------

interface S3Given {
  readonly s3Endpoint?: string;
  readonly s3Region?: string;
}

function withS3(command: Command): Command {
  return command
    .option(
      '--s3-endpoint <URL>',
      'address of a service other than AWS; default: AWS_ENDPOINT_URL_S3',
    )
    .option('--s3-region <NAME>', 'default: AWS_REGION, or what the configuration files say');
}

function s3Flags(given: S3Given, places: readonly (string | undefined)[]): S3Flags {
  const { s3Endpoint, s3Region } = given;
  const flag = [s3Endpoint && '--s3-endpoint', s3Region && '--s3-region'].find(Boolean);
  if (flag !== undefined && !places.some((place) => place?.startsWith('s3:'))) {
    throw new UsageError(`${flag} needs a place in S3, as s3://BUCKET/PREFIX.`);
  }
  return { s3Endpoint, s3Region };
}

function allowDropped(): Option {
  return new Option(
    '--allow-dropped <ID>',
    "state of an operator that is gone may be lost, or ID#NAME: an aggregation's; may be repeated",
  ).argParser((id, before: readonly string[] = []) => [...before, id]);
}

function jobArguments(): Option {
  return new Option(
    '--arg <NAME=VALUE>',
    "an argument for the job's build function, a text; may be repeated",
  ).argParser((pair, before: Readonly<Record<string, string>> = {}) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--arg must be NAME=VALUE, not '${pair}'.`);
    // Entries, because a name may be `__proto__`.
    return Object.fromEntries([...Object.entries(before), [pair.slice(0, at), pair.slice(at + 1)]]);
  });
}

function whole(flags: string, description: string, least: number, most: number): Option {
  return new Option(flags, description).argParser((text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    const [name] = flags.split(' ');
    throw new UsageError(`${name} must be a whole number from ${least} to ${most}, not '${text}'.`);
  });
}

function causesOf(text: string): readonly DemoCause[] {
  return text.split(',').map((part) => {
    const name = part.trim();
    const cause = killCauses.find((known) => known === name);
    if (cause !== undefined) return cause;
    throw new UsageError(`--causes knows ${killCauses.join(', ')}; not '${name}'.`);
  });
}

function one(command: Command, what: string, example: string): string {
  const [first, second] = command.args;
  if (first === undefined) throw new UsageError(`${command.name()} needs ${what}: ${example}`);
  if (second === undefined) return first;
  throw new UsageError(`${command.name()} takes one ${what.slice(2)}, not also '${second}'.`);
}

// ---- pages and mistakes ---------------------------------------------------------------------------

function pageOf(program: Command): string {
  const help = program.createHelp();
  help.prepareContext({ helpWidth: HELP_COLUMNS });
  const wrapped = (text: string) => help.boxWrap(text, HELP_COLUMNS);
  const codes = exitCodePage.map(([code, meaning]) =>
    help.formatItem(String(code), 3, meaning, help),
  );
  return [
    program.helpInformation(),
    ...program.commands.map((command) => command.helpInformation()),
    'Checkpoints in S3:',
    wrapped(
      "Every DIR, TO and path of a savepoint may be s3://BUCKET/PREFIX instead. It needs a package: npm install @aws-sdk/client-s3. Credentials come from where AWS's own tools find them (environment, configuration files, roles), never from the command line.",
    ),
    '',
    'Signals:',
    wrapped(
      'SIGINT, SIGTERM and SIGHUP stop the sources, take and commit a last checkpoint without advancing time, and exit. When --stop-timeout is over the job is ended without that checkpoint; the next run goes on from the newest one. A second signal ends at once. A reader of standard output that goes away (as head does) stops the job in the same way.',
    ),
    '',
    'Exit codes:',
    ...codes,
    '',
    'NO_COLOR switches colours off. In a pipe, plain lines take the place of the live view.',
  ].join('\n');
}

function isCommanderError(error: unknown): error is CommanderError {
  return isError(error) && /^commander\./.test(String((error as CommanderError).code));
}

/** `error: unknown option '--fast'` → `Unknown option '--fast'.` */
function sentenceOf(message: string): string {
  const text = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.)?]$/.test(text) ? '' : '.'}`;
}
