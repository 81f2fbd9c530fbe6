/** How many readers of a source task are open, and how many may be. */
export class OpenReaders {
  readonly max: number;
  count = 0;
  /** Of them, being closed. */
  closing = 0;

  constructor(max: number) {
    this.max = max;
  }

  get isFree(): boolean {
    return this.count < this.max;
  }

  /** One is on its way out. */
  get isMakingRoom(): boolean {
    return this.closing > 0;
  }
}
