/**
 * Counts, in shared memory, the tasks of a region that still work off what was in flight in the restored checkpoint.
 * Meanwhile sources go no further than they had come before the failure. Otherwise each restart would add another
 * fill of all channels to what is in flight, without a bound.
 */
export class Backlog {
  readonly #tasks: Int32Array;
  readonly #over: () => void;

  /** @param over called when no task has anything left of it: sources may go on */
  constructor(shared = new SharedArrayBuffer(4), over: () => void = () => {}) {
    this.#tasks = new Int32Array(shared);
    this.#over = over;
  }

  /** Has any task something left? */
  get isPending(): boolean {
    return Atomics.load(this.#tasks, 0) > 0;
  }

  /** A task has something to work off. To be called before any task of the region is started. */
  begin(): void {
    Atomics.add(this.#tasks, 0, 1);
  }

  /** A task has worked off what it had. */
  end(): void {
    if (Atomics.sub(this.#tasks, 0, 1) === 1) this.#over();
  }
}
