/** A job as a module's default export: a name and the function that draws its graph. */

import { JOB_BRAND, PROTOCOL_VERSION } from '../../base/brand.js';
import { HoldfastError } from '../../base/errors.js';
import { checkCallback, describeValue, type NotPromise } from './callbacks.js';
import type { StreamEnvironment } from './environment.js';

/** What `run(…, { args })` or `--arg name=value` hand to the build function; texts from the command line. */
export type JobArguments = Readonly<Record<string, unknown>>;

export interface JobDefinition {
  /** The protocol version it was made for, under a registered symbol: see src/base/brand.ts. */
  readonly [JOB_BRAND]: number;
  readonly name: string;
  readonly build: (env: StreamEnvironment, args: JobArguments) => unknown;
}

/**
 * Defines a job. Its module's default export, so that every worker can import it.
 *
 * `build` draws the graph; it runs in every worker and again after every failure, so it must draw
 * the same graph each time, synchronously, and keep no state outside of operators.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function defineJob<R>(
  name: string,
  build: (env: StreamEnvironment, args: JobArguments) => NotPromise<R>,
): JobDefinition {
  if (typeof name !== 'string' || name.trim() === '') {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `defineJob needs a name for the job, but was given ${describeValue(name)}.`,
    );
  }
  checkCallback(build, `defineJob('${name}', build)`);
  return Object.freeze({ [JOB_BRAND]: PROTOCOL_VERSION, name, build });
}

/** Is this what `defineJob` gave, in this or another copy of the package of the same protocol? */
export function isJobDefinition(value: unknown): value is JobDefinition {
  return jobProtocol(value) === PROTOCOL_VERSION;
}

/**
 * Hands back a module's default export as a job.
 * @throws HoldfastError ERR_HOLDFAST_JOB_MODULE when it is none, or one for another version
 */
export function requireJobDefinition(value: unknown): JobDefinition {
  if (isJobDefinition(value)) return value;
  const version = jobProtocol(value);
  throw new HoldfastError(
    'ERR_HOLDFAST_JOB_MODULE',
    version === undefined
      ? `the job module's default export must be what defineJob(name, build) gives, but is ${describeValue(value)}. ` +
          'Write: export default defineJob(…).'
      : `the job was defined by a copy of holdfast with protocol ${String(version)}, this one speaks ` +
          `${PROTOCOL_VERSION}. Install one version of holdfast for both.`,
  );
}

function jobProtocol(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return (value as { [JOB_BRAND]?: unknown })[JOB_BRAND];
}
