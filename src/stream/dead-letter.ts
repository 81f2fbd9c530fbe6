/** What happens to a record on which user code fails. Protocol file: shapes only. */

/**
 * `'fail'`, the default: the operator fails on the record, and the job restarts. `'drop'`: the record is left out,
 * and counted as `deadLetters`. A side output: the record goes there as a `DeadLetter`, and is counted.
 */
export type ErrorPolicy = 'fail' | 'drop' | { readonly sideOutput: string };

/** A record that an operator could not process, with the reason. */
export interface DeadLetter<T> {
  /**
   * The record as the failed callback has left it; for a window that could not be told, its `key`,
   * `windowStart` and `windowEnd`. Undefined when it cannot travel: then `description` tells of it.
   */
  readonly record: T | undefined;
  readonly description?: string;
  readonly error: {
    readonly name: string;
    readonly message: string;
    readonly code: string | null;
  };
  /** Id of the operator. */
  readonly operator: string;
  /** Event time in ms; null for none. */
  readonly timestamp: number | null;
}
