/** The cases that a conformance kit gives. Protocol file: shapes only. */

/** One clause of the contract, to be run by whatever runs your tests. */
export interface ConformanceCase {
  /** The clause's name, such as `commit-twice`. It never changes. */
  readonly clause: string;
  /** The clause in words, for a test's title. */
  readonly name: string;
  /**
   * Resolves when the clause is kept. Run one case at a time, because all share the place that the sink writes to, or
   * that the source reads.
   * @throws HoldfastError ERR_HOLDFAST_SINK_CONTRACT, ERR_HOLDFAST_SOURCE_CONTRACT or ERR_HOLDFAST_OPERATOR_CONTRACT,
   *   which says what clause is broken, and what was seen
   */
  run(): Promise<void>;
}
