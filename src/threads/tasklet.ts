/**
 * What a slot runs: tasklets (Hazelcast Jet's word). An operator instance (a task of the stream room)
 * is one; the scheduler knows nothing else about it. Protocol file: shapes only.
 *
 * A tasklet owns its state, meets others only through channels, and is driven: it never blocks and
 * never loops on its own. Its failure is reported, not thrown across other tasklets.
 */

export interface Tasklet {
  /** For people and logs. */
  readonly name: string;
  /** Is there something to do now (input to take, output to move, a capture to continue)? */
  readonly runnable: boolean;
  /**
   * Works until `deadline` (performance.now() ms), or until nothing is left to do.
   * @returns whether anything moved
   */
  run(deadline: number): boolean;
  /**
   * Publishes buffered output that has waited long enough.
   * @returns when the rest is due (performance.now() ms), or undefined when nothing is buffered
   */
  flushDue(now: number): number | undefined;
}
