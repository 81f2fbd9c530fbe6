/** Answers as data: comlink keeps only an error's message, name and stack. */

import { type Failure, type FailureKind, failureToError, toFailure } from '../base/failure.js';

export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure };

/** @param kind of a failure that has none of its own */
export async function outcome<T>(kind: FailureKind, act: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await act() };
  } catch (error) {
    return { ok: false, failure: toFailure(error, kind) };
  }
}

/** The value of an answer; throws the failure if the answer is one. */
export function unwrap<T>(answer: Outcome<T>): T {
  if (answer.ok) return answer.value;
  throw failureToError(answer.failure);
}
