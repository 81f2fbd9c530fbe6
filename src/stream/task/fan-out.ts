/** Receivers made of receivers. */

import type { Receiver } from '../operator.js';

class Nowhere implements Receiver {
  onElement(): void {}
  onWatermark(): void {}
}

class FanOut implements Receiver {
  readonly #receivers: readonly Receiver[];

  constructor(receivers: readonly Receiver[]) {
    this.#receivers = receivers;
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    const receivers = this.#receivers;
    for (let i = 0; i < receivers.length; i += 1) {
      receivers[i]!.onElement(record, timestamp, group, behind);
    }
  }

  onWatermark(timeMs: number): void {
    for (const receiver of this.#receivers) receiver.onWatermark(timeMs);
  }
}

/** A main output beside side outputs: records go to the one, watermarks to all. */
class MainOutput implements Receiver {
  readonly #main: Receiver;
  readonly #sides: readonly Receiver[];

  constructor(main: Receiver, sides: readonly Receiver[]) {
    this.#main = main;
    this.#sides = sides;
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    this.#main.onElement(record, timestamp, group, behind);
  }

  onWatermark(timeMs: number): void {
    this.#main.onWatermark(timeMs);
    for (const side of this.#sides) side.onWatermark(timeMs);
  }
}

/** Hands everything to all of them, in order. */
export function fanOut(receivers: readonly Receiver[]): Receiver {
  if (receivers.length === 0) return new Nowhere();
  return receivers.length === 1 ? receivers[0]! : new FanOut(receivers);
}

export function mainOutput(main: Receiver, sides: readonly Receiver[]): Receiver {
  return sides.length === 0 ? main : new MainOutput(main, sides);
}
