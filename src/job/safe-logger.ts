/** Keeps errors of a logger from the job: a logger is the user's code, and runs in the driver's thread. */

import { toFailure } from '../base/failure.js';
import { isThenable } from '../stream/api/callbacks.js';
import type { GraphNotice } from '../stream/graph/plan.js';
import type { Logger } from './job-types.js';

/**
 * The same logger, but no error or rejection leaves it. The first one is told as a warning of the process, with its
 * stack. Others are not: a logger that is broken is so for every line.
 */
export function safeLogger(logger: Logger): Logger {
  let told = false;
  const failed = (error: unknown): void => {
    if (told) return;
    told = true;
    const { stack, message } = toFailure(error, 'internal');
    process.emitWarning(
      `the logger given to Holdfast failed; its further errors are not told. ${stack ?? message}`,
      { type: 'HoldfastWarning', code: 'HOLDFAST_LOGGER' },
    );
  };
  const guard =
    (level: keyof Logger): Logger[typeof level] =>
    (data, message) => {
      try {
        const answer: unknown = logger[level](data, message);
        if (isThenable(answer)) answer.then(undefined, failed);
      } catch (error) {
        failed(error);
      }
    };
  return {
    debug: guard('debug'),
    info: guard('info'),
    warn: guard('warn'),
    error: guard('error'),
  };
}

/** Tells notices to the logger or, where there is none, as warnings of the process. */
export function tellNotices(notices: readonly GraphNotice[], logger: Logger | undefined): void {
  for (const { operator, text } of notices) {
    if (logger !== undefined) logger.warn({ operator }, text);
    else process.emitWarning(text, { type: 'HoldfastWarning', code: 'HOLDFAST_NOTICE' });
  }
}
