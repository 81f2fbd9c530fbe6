/** The program's exit codes. Their page is part of `--help`. */

import { exitCodeOf } from '../base/error-codes.js';
import { isHoldfastError } from '../base/errors.js';
import type { LostOutput } from '../terminal/console.js';

export const EXIT_FINISHED = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_HUNG_UP = 129;
export const EXIT_INTERRUPTED = 130;
export const EXIT_UNREAD = 141;
export const EXIT_TERMINATED = 143;

/** The exit code after an error, by the error's code; 1 for errors of others. */
export function exitCodeOfError(error: unknown): number {
  return isHoldfastError(error) ? exitCodeOf(error.code) : EXIT_FAILED;
}

/** The page, in order. */
export const exitCodePage: readonly (readonly [code: number, meaning: string])[] = [
  [
    EXIT_FINISHED,
    'run: the job finished, and all its output is committed. demo: nothing was lost, duplicated or wrong. checkpoints: all are sound.',
  ],
  [
    EXIT_FAILED,
    'the job failed, or could not start; the demo found a difference; a checkpoint is corrupt.',
  ],
  [EXIT_USAGE, 'the command line or an option is not valid.'],
  [
    EXIT_INTERRUPTED,
    'stopped by SIGINT (Ctrl-C), with a last checkpoint: the same command goes on from there.',
  ],
  [
    EXIT_UNREAD,
    'whoever read standard output has gone away (as head does); a job is stopped with a last checkpoint.',
  ],
  [EXIT_TERMINATED, 'stopped by SIGTERM, likewise.'],
  [EXIT_HUNG_UP, 'stopped by SIGHUP (its terminal was closed), likewise.'],
];

/** When its reader has gone away, the program exits as if SIGPIPE had ended it: that is no failure of its own. */
export function lostOutputCode({ code }: LostOutput): number {
  return code === 'EPIPE' ? EXIT_UNREAD : EXIT_FAILED;
}
