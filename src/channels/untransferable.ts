import { HoldfastError } from '../base/errors.js';

/** The error for a record that cannot go to another task, wherever that task runs. */
export function untransferable(error: unknown, index?: number): unknown {
  if (!(error instanceof HoldfastError)) return error;
  const { details, message } = error;
  return new HoldfastError(
    'ERR_HOLDFAST_UNTRANSFERABLE_RECORD',
    `a record cannot be handed to another task: ${message}`,
    {
      cause: error,
      details: { ...(index === undefined ? {} : { index }), path: details['path'] ?? 'record' },
    },
  );
}
