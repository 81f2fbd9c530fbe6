/** A logger is the user's code in the driver's thread: what it throws must not stop the job. */

import { toFailure } from '../base/failure.js';
import { isThenable } from '../stream/api/callbacks.js';
import type { GraphNotice } from '../stream/graph/plan.js';
import type { Logger } from './job-types.js';

/**
 * The same logger, whose errors and rejections end here. The first is told as a warning of the process,
 * with its stack; a logger that is broken is so for every line.
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

/** To the logger, or as warnings of the process where there is none. */
export function tellNotices(notices: readonly GraphNotice[], logger: Logger | undefined): void {
  for (const { operator, text } of notices) {
    if (logger !== undefined) logger.warn({ operator }, text);
    else process.emitWarning(text, { type: 'HoldfastWarning', code: 'HOLDFAST_NOTICE' });
  }
}
