/**
 * How many tasks of a region still work off what was in flight in the checkpoint that it was restored
 * from, in shared memory. Meanwhile sources go no further than they had come before the failure: else
 * each restart would add another fill of all channels to what is in flight, without a bound.
 */
export class Backlog {
  readonly #tasks: Int32Array;
  readonly #over: () => void;

  /** @param over no task has any left: sources may go on */
  constructor(shared = new SharedArrayBuffer(4), over: () => void = () => {}) {
    this.#tasks = new Int32Array(shared);
    this.#over = over;
  }

  /** Of any task. */
  get isPending(): boolean {
    return Atomics.load(this.#tasks, 0) > 0;
  }

  /** A task has some. Before any task of the region is started. */
  begin(): void {
    Atomics.add(this.#tasks, 0, 1);
  }

  /** A task has worked its own off. */
  end(): void {
    if (Atomics.sub(this.#tasks, 0, 1) === 1) this.#over();
  }
}
