/**
 * How far time had come per key group, where that differs: after a rescale from an unaligned checkpoint,
 * at whose cut the instances had not all seen the same watermark.
 *
 * The new instance's time is the earliest of theirs. A group that came from an instance which was ahead
 * has fired, and freed, what that instance's time had reached: it must not fire it again, and what was
 * late for it stays late (I24). Known for groups that had state; gone once time has caught up.
 */

import { ByteReader } from '../../base/byte-reader.js';
import { ByteWriter } from '../../base/byte-writer.js';
import type { RestoredSection, StateSection } from '../operator.js';
import { earliestTime } from '../state/time-section.js';

const SECTION = 'group-times';

export class GroupTimes {
  readonly #times = new Map<number, number>();
  #latestMs = Number.NEGATIVE_INFINITY;

  /** Goes on with what an earlier instance knew. @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
  restore(restored: readonly RestoredSection[], owns: (group: number) => boolean): void {
    for (const { name, bytes } of restored) {
      if (name !== SECTION) continue;
      const reader = new ByteReader(bytes, { what: 'times of key groups' });
      while (reader.remaining > 0) {
        const group = reader.u16();
        const timeMs = reader.f64();
        if (owns(group)) this.note(group, timeMs);
      }
    }
  }

  /** This group's state came from an instance whose time was that. */
  note(group: number, timeMs: number): void {
    if (timeMs > (this.#times.get(group) ?? Number.NEGATIVE_INFINITY)) {
      this.#times.set(group, timeMs);
      this.#latestMs = Math.max(this.#latestMs, timeMs);
    }
  }

  /** Had the group reached that time? */
  reached(group: number, timeMs: number): boolean {
    return timeMs <= (this.#times.get(group) ?? Number.NEGATIVE_INFINITY);
  }

  /** Is any group ahead of that time? */
  isAhead(timeMs: number): boolean {
    return this.#latestMs > timeMs;
  }

  capture(): StateSection {
    const writer = new ByteWriter(this.#times.size * 10);
    for (const [group, timeMs] of this.#times) {
      writer.u16(group);
      writer.f64(timeMs);
    }
    return { name: SECTION, chunks: [writer.take()] };
  }
}

/** The times of the instances that these sections are of. */
export function instanceTimes(
  name: string,
  restored: readonly RestoredSection[],
): (instance: number) => number {
  const times = new Map<number, number>();
  for (const { instance } of restored) {
    if (times.has(instance)) continue;
    const own = restored.filter((section) => section.instance === instance);
    times.set(instance, earliestTime(name, own));
  }
  return (instance) => times.get(instance) ?? Number.NEGATIVE_INFINITY;
}
