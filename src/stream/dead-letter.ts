/** What becomes of a record that user code fails on. Protocol file: shapes only. */

/**
 * `'fail'`, the default: the operator fails with it, and the job restarts. `'drop'`: it is left out,
 * and counted as `deadLetters`. A side output: it goes there as a `DeadLetter`, and is counted.
 */
export type ErrorPolicy = 'fail' | 'drop' | { readonly sideOutput: string };

/** A record that an operator could not process, with the reason. */
export interface DeadLetter<T> {
  /**
   * As the callback that failed has left it; of a window that could not be told, its `key`,
   * `windowStart` and `windowEnd`. Undefined for what cannot travel: `description` has it then.
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
