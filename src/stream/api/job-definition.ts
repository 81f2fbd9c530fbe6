/** A job as a module's default export: a name and the function that draws its graph. */

import { JOB_BRAND, PLAIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../../base/brand.js';
import { HoldfastError } from '../../base/errors.js';
import { checkObject } from '../../base/option-checks.js';
import { checkCallback, describeValue, type NotPromise } from './callbacks.js';
import type { StreamEnvironment } from './environment.js';
import { checkSchema, type InferOutput, type StandardSchema } from './standard-schema.js';
import type { CollectedOf } from './stream-sink.js';

/** What `run(…, { args })` or `--arg name=value` hand to the build function; texts from the command line. */
export type JobArguments = Readonly<Record<string, unknown>>;

/** @typeParam C rows that the job collects, by name, as far as its build function returns the sinks */
export interface JobDefinition<out C = unknown> {
  /** The protocol version it was made for, under a registered symbol: see src/base/brand.ts. */
  readonly [JOB_BRAND]: number;
  readonly name: string;
  /** Checks the arguments; `build` gets what it gives. */
  readonly args?: StandardSchema | undefined;
  readonly build: (env: StreamEnvironment, args: JobArguments) => unknown;
  /** Never set: it tells the compiler what is collected. */
  readonly rows?: C;
}

/** What the job of a definition collects: `RowsOf<typeof orders>`. */
export type RowsOf<D> = D extends JobDefinition<infer C> ? C : unknown;

/** A job whose arguments are checked. */
export interface JobSpec<S extends StandardSchema, R> {
  readonly name: string;
  /**
   * A schema of zod, valibot, arktype or any other library that follows Standard Schema version 1. Like `build` it runs
   * in every worker, and again after every failure, so it must give the same for the same arguments.
   */
  readonly args: S;
  /** `args` is what the schema gives. */
  readonly build: (env: StreamEnvironment, args: InferOutput<S>) => NotPromise<R>;
}

/**
 * Defines a job. Its module's default export, so that every worker can import it.
 *
 * `build` draws the graph; it runs in every worker and again after every failure, so it must draw
 * the same graph each time, synchronously, and keep no state outside of operators. If it returns a `collect` sink, or an
 * array of them, the job's type knows their rows.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function defineJob<R>(
  name: string,
  build: (env: StreamEnvironment, args: JobArguments) => NotPromise<R>,
): JobDefinition<CollectedOf<R>>;
/**
 * Defines a job whose arguments a schema checks before `build` is called. When the schema refuses them, the job does
 * not start: ERR_HOLDFAST_BAD_OPTION with the schema's reasons.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function defineJob<S extends StandardSchema, R>(
  spec: JobSpec<S, R>,
): JobDefinition<CollectedOf<R>>;
export function defineJob(
  given: string | JobSpec<StandardSchema, unknown>,
  givenBuild?: JobDefinition['build'],
): JobDefinition {
  if (typeof given !== 'object' || given === null) {
    checkName(given);
    checkCallback(givenBuild, `defineJob('${given}', build)`);
    return Object.freeze({
      [JOB_BRAND]: PLAIN_PROTOCOL_VERSION,
      name: given,
      build: givenBuild as JobDefinition['build'],
    });
  }
  checkObject('defineJob', given, ['name', 'args', 'build']);
  const { name, args, build } = given;
  checkName(name);
  checkCallback(build, `build of defineJob({ name: '${name}', args, build })`);
  checkSchema(args, `args of defineJob({ name: '${name}', args, build })`);
  return Object.freeze({ [JOB_BRAND]: PROTOCOL_VERSION, name, args, build });
}

function checkName(name: unknown): void {
  if (typeof name === 'string' && name.trim() !== '') return;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `defineJob needs a name for the job, but was given ${describeValue(name)}.`,
  );
}

/** Is this what `defineJob` gave, in this or another copy of the package whose protocol this one knows? */
export function isJobDefinition(value: unknown): value is JobDefinition {
  const version = jobProtocol(value);
  return version === PROTOCOL_VERSION || version === PLAIN_PROTOCOL_VERSION;
}

/**
 * Hands back what was given as a job.
 * @param what what it was given as @param remedy what to write instead
 * @throws HoldfastError ERR_HOLDFAST_JOB_MODULE when it is none, or one for another version
 */
export function requireJobDefinition(
  value: unknown,
  what = "the job module's default export",
  remedy = 'Write: export default defineJob(…).',
): JobDefinition {
  if (isJobDefinition(value)) return value;
  const version = jobProtocol(value);
  throw new HoldfastError(
    'ERR_HOLDFAST_JOB_MODULE',
    version === undefined
      ? `${what} must be what defineJob gives, but is ${describeValue(value)}. ${remedy}`
      : `the job was defined by a copy of holdfast with protocol ${String(version)}, this one speaks ` +
          `${PROTOCOL_VERSION}. Install one version of holdfast for both.`,
  );
}

function jobProtocol(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { [JOB_BRAND]?: unknown })[JOB_BRAND];
}
