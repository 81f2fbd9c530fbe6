/**
 * What a slot runs: tasklets (Hazelcast Jet's word). An actor's cell is one; the scheduler knows nothing
 * else about it. Protocol file: shapes only.
 *
 * A tasklet owns its state, meets others only through channels and messages, and is driven: it never blocks and
 * never loops on its own. Its failure is its own matter, not thrown across other tasklets.
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
  /** It has thrown this, and was taken off the schedule. */
  broke(error: unknown): void;
}
