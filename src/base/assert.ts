import { HoldfastError } from './errors.js';

/** Checks what only a mistake of ours can break. Operating errors are typed errors. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) {
    throw new HoldfastError(
      'ERR_HOLDFAST_INTERNAL',
      `assertion failed: ${message}. Please report this.`,
    );
  }
}
