import { failureToError } from '../base/failure.js';
import type { Outcome } from './host-protocol.js';

/** The value of an answer; throws the failure that came instead. */
export function unwrap<T>(answer: Outcome<T>): T {
  if (answer.ok) return answer.value;
  throw failureToError(answer.failure);
}
