import { HoldfastError } from './errors.js';

/** For what only our own mistake can break. Operating errors are typed errors of their own. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) {
    throw new HoldfastError(
      'ERR_HOLDFAST_INTERNAL',
      `assertion failed: ${message}. Please report this.`,
    );
  }
}
