/**
 * Finds the cause of a thread's end, as data, from what is known of the end.
 *
 * The exit code alone says little: it is 1 for an error, for a full heap, for `terminate()` and for
 * `process.exit(1)`. So the evidence is weighed in this order: what the thread itself said before it
 * died, what Node said of it, what we had ordered, and last the code.
 */

import { type Failure, toFailure } from '../base/failure.js';

export type DeathCause = 'error' | 'exit' | 'out-of-memory' | 'terminated' | 'ended';

export interface WorkerDeath {
  /**
   * `error`: uncaught, or the thread could not start · `exit`: `process.exit`, or nothing left to do
   * though it was not closed · `terminated`: we ordered it · `ended`: it closed itself and ran out.
   */
  readonly cause: DeathCause;
  /** Undefined for a thread that never started, and for one that was given up as a zombie. */
  readonly exitCode: number | undefined;
  readonly failure: Failure;
  /** `performance.now()` of the observer. */
  readonly atMs: number;
}

export interface DeathEvidence {
  readonly name: string;
  readonly exitCode: number | undefined;
  /** The failure that the thread told as its last word. */
  readonly fatal: Failure | undefined;
  /** What the `error` event of the Worker carried, or what its constructor threw. */
  readonly error: { readonly thrown: unknown } | undefined;
  /** Why we ordered its termination, if we did. */
  readonly ordered: string | undefined;
  /** The thread had said that it would end. */
  readonly closing: boolean;
  readonly heapLimitMb: number | undefined;
  readonly atMs: number;
}

export function judgeDeath(evidence: DeathEvidence): WorkerDeath {
  const { exitCode, atMs, fatal, error, ordered } = evidence;
  const death = (cause: DeathCause, failure: Failure): WorkerDeath => ({
    cause,
    exitCode,
    failure: exitCode === undefined ? failure : { ...failure, exitCode },
    atMs,
  });
  if (fatal !== undefined) return death('error', fatal);
  if (error !== undefined) {
    const thrown = toFailure(error.thrown, 'thread-error');
    return thrown.code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? death('out-of-memory', outOfMemory(evidence, thrown))
      : death('error', thrown);
  }
  if (ordered !== undefined) return death('terminated', died(`was ended: ${ordered}.`, evidence));
  if (evidence.closing && exitCode === 0) {
    return death('ended', died('has closed its lanes and ended.', evidence));
  }
  return death('exit', died(describeExit(exitCode), evidence));
}

function died(what: string, { name }: DeathEvidence): Failure {
  return {
    kind: 'thread-exit',
    name: 'HoldfastError',
    code: 'ERR_HOLDFAST_WORKER_DIED',
    message: `thread '${name}' ${what}`,
  };
}

function describeExit(exitCode: number | undefined): string {
  const code = `ended by itself with exit code ${exitCode}`;
  return exitCode === 0
    ? `${code}, though nobody had closed it: code that runs in it must not call process.exit.`
    : `${code}: code that runs in it, a library perhaps, called process.exit. Throw an error instead.`;
}

function outOfMemory({ name, heapLimitMb }: DeathEvidence, cause: Failure): Failure {
  const limit =
    heapLimitMb === undefined ? 'its heap limit' : `its heap limit of ${heapLimitMb} MB`;
  return {
    kind: 'out-of-memory',
    name: 'HoldfastError',
    code: 'ERR_HOLDFAST_WORKER_OUT_OF_MEMORY',
    message:
      `thread '${name}' reached ${limit}. Raise resourceLimits.maxOldGenerationSizeMb, ` +
      'or keep less in memory: more threads, shorter windows, less state per key.',
    cause,
  };
}
