/** What a conformance kit gives. Protocol file: shapes only. */

/** One clause of the contract, to be run by whatever runs your tests. */
export interface ConformanceCase {
  /** Stable: `commit-twice`. */
  readonly clause: string;
  /** The clause in words, for a test's title. */
  readonly name: string;
  /**
   * Resolves when the clause is kept. One case at a time: they share what the sink writes to, or the source reads.
   * @throws HoldfastError ERR_HOLDFAST_SINK_CONTRACT or ERR_HOLDFAST_SOURCE_CONTRACT that says which clause is
   *   broken, and what was seen
   */
  run(): Promise<void>;
}
