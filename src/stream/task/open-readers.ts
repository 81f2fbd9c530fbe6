/** How many readers of a source task are open, and how many may be. */
export class OpenReaders {
  readonly max: number;
  count = 0;
  /** How many of the open readers are being closed. */
  closing = 0;

  constructor(max: number) {
    this.max = max;
  }

  get isFree(): boolean {
    return this.count < this.max;
  }

  /** A reader is being closed: there will be room. */
  get isMakingRoom(): boolean {
    return this.closing > 0;
  }
}
