/**
 * The one error class that Holdfast throws. The message says what was wrong and what to do about it. Programs branch on
 * the code (error-codes.ts).
 */

import type { ErrorCode } from './error-codes.js';

export type { ErrorCode } from './error-codes.js';

export interface HoldfastErrorOptions {
  readonly cause?: unknown;
  /** Plain data for programs: what was given, the file, the checksums. Kept as properties of `details`. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function isHoldfastError(value: unknown, code?: ErrorCode): value is HoldfastError {
  return value instanceof HoldfastError && (code === undefined || value.code === code);
}
