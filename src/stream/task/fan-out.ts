/** Receivers made of receivers. */

import { type RecordKeeper, type RecordsMode, recordKeeper } from '../../channels/record-keeper.js';
import type { Receiver } from '../operator.js';
import { Router } from './router.js';

class Nowhere implements Receiver {
  onElement(): void {}
  onWatermark(): void {}
}

/**
 * Hands a record to all receivers. Each receiver may change its record, so the last one gets the record itself
 * and each before it gets a copy. Routers come first and need no copy: they pass on what the record is at that
 * moment.
 */
class FanOut implements Receiver {
  readonly #receivers: readonly Receiver[];
  readonly #routers: number;
  readonly #keeper: RecordKeeper;

  constructor(receivers: readonly Receiver[], records: RecordsMode | undefined) {
    const isRouter = (receiver: Receiver) => receiver instanceof Router;
    const routers = receivers.filter(isRouter);
    this.#receivers = [...routers, ...receivers.filter((receiver) => !isRouter(receiver))];
    this.#routers = routers.length;
    this.#keeper = recordKeeper(records);
  }

  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    const receivers = this.#receivers;
    const last = receivers.length - 1;
    for (let i = 0; i < last; i += 1) {
      const own = i < this.#routers ? record : this.#keeper.keep(record);
      receivers[i]!.onElement(own, timestamp, group, behind);
    }
    receivers[last]!.onElement(record, timestamp, group, behind);
  }

  onIdle(isSilent: boolean): void {
    for (const receiver of this.#receivers) receiver.onIdle?.(isSilent);
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

  onIdle(isSilent: boolean): void {
    this.#main.onIdle?.(isSilent);
    for (const side of this.#sides) side.onIdle?.(isSilent);
  }

  onWatermark(timeMs: number): void {
    this.#main.onWatermark(timeMs);
    for (const side of this.#sides) side.onWatermark(timeMs);
  }
}

/** Hands everything to all of them. */
export function fanOut(receivers: readonly Receiver[], records?: RecordsMode): Receiver {
  if (receivers.length === 0) return new Nowhere();
  return receivers.length === 1 ? receivers[0]! : new FanOut(receivers, records);
}

export function mainOutput(main: Receiver, sides: readonly Receiver[]): Receiver {
  return sides.length === 0 ? main : new MainOutput(main, sides);
}
