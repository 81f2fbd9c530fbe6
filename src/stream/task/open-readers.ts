/**
 * How many readers of a source task are open, and how many may be: of its bounded splits, or of the others. When it
 * has both kinds each gets its share, so that neither kind waits for a reader that the other never gives up.
 */
export class OpenReaders {
  max: number;
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
