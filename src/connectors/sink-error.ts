import { HoldfastError } from '../base/errors.js';
import { explainSystemError, pathDetails } from './system-error.js';

/** ERR_HOLDFAST_SINK for anything that went wrong with a sink's file or folder. */
export function sinkError(action: string, path: string, error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  return new HoldfastError(
    'ERR_HOLDFAST_SINK',
    `cannot ${action} '${path}': ${explainSystemError(error)}.`,
    { cause: error, details: pathDetails(path, error) },
  );
}
