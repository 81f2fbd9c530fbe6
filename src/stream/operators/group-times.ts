/**
 * How far time had come per key group, where that differs from the instance's: after a restore from an
 * unaligned checkpoint.
 *
 *  V1  At the cut of such a checkpoint instances need not have seen the same watermark. After a rescale an
 *      instance's time is the earliest of those that its groups come from. A group that comes from one
 *      which was ahead has *fired* what that time had reached, and must not fire it again.
 *  V2  The cut may fall into the midst of a firing. What has not fired then does when the watermark comes
 *      again; but it had come, and what it *closed* stays closed: a record for it is late, also for a key that
 *      has fired and left nothing behind. After a rescale the watermark need not come first.
 *  V3  A group is closed as far as it has fired, at least. All is forgotten when time has caught up.
 */

import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import type { OperatorContext, RestoredSection, StateSection } from '../operator.js';
import { earliestTime } from '../state/time-section.js';

const FIRED_SECTION = 'group-times';
const CLOSED_SECTION = 'group-ends';

/** By key group, in ms. */
type Times = Map<number, number>;

export class GroupTimes {
  readonly #fired: Times = new Map();
  readonly #closed: Times = new Map();
  #latestMs = Number.NEGATIVE_INFINITY;

  /** Goes on with what an earlier instance knew. @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
  restore(restored: readonly RestoredSection[], owns: (group: number) => boolean): void {
    for (const { name, bytes } of restored) {
      if (name !== FIRED_SECTION && name !== CLOSED_SECTION) continue;
      const reader = new ByteReader(bytes, { what: 'times of key groups' });
      while (reader.remaining > 0) {
        const group = reader.u16();
        const timeMs = reader.f64();
        if (!owns(group)) continue;
        if (name === FIRED_SECTION) this.noteFired(group, timeMs);
        else this.noteClosed(group, timeMs);
      }
    }
  }

  noteFired(group: number, timeMs: number): void {
    raise(this.#fired, group, timeMs);
    this.noteClosed(group, timeMs); // V3
  }

  noteClosed(group: number, timeMs: number): void {
    raise(this.#closed, group, timeMs);
    this.#latestMs = Math.max(this.#latestMs, timeMs);
  }

  /** Has the group fired what is due at that time? */
  hasFired(group: number, timeMs: number): boolean {
    return timeMs <= (this.#fired.get(group) ?? Number.NEGATIVE_INFINITY);
  }

  /** Is what ends at that time over for the group? */
  isClosed(group: number, timeMs: number): boolean {
    return timeMs <= (this.#closed.get(group) ?? Number.NEGATIVE_INFINITY);
  }

  /** Is any group ahead of that time? */
  isAhead(timeMs: number): boolean {
    return this.#latestMs > timeMs;
  }

  capture(): readonly StateSection[] {
    return [encode(FIRED_SECTION, this.#fired), encode(CLOSED_SECTION, this.#closed)];
  }
}

/**
 * The times of the instance's key groups.
 * @param fired name of the section that has how far an instance had fired
 * @param closed name of the one that has the watermark that had come, where that is later
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
 */
export function groupTimes(
  fired: string,
  closed: string,
  restored: readonly RestoredSection[],
  context: Pick<OperatorContext, 'instance' | 'keyGroups' | 'ownsGroup' | 'formerOwner'>,
): GroupTimes {
  const times = new GroupTimes();
  times.restore(restored, (group) => context.ownsGroup(group));
  const firedBy = instanceTimes(fired, restored);
  const closedBy = instanceTimes(closed, restored);
  for (let group = 1; group <= context.keyGroups; group += 1) {
    if (!context.ownsGroup(group)) continue;
    const owner = context.formerOwner?.(group) ?? context.instance;
    times.noteFired(group, firedBy(owner));
    times.noteClosed(group, closedBy(owner));
  }
  return times;
}

function raise(times: Times, group: number, timeMs: number): void {
  if (timeMs > (times.get(group) ?? Number.NEGATIVE_INFINITY)) times.set(group, timeMs);
}

function encode(name: string, times: Times): StateSection {
  const writer = new ByteWriter(times.size * 10);
  for (const [group, timeMs] of times) {
    writer.u16(group);
    writer.f64(timeMs);
  }
  return { name, chunks: [writer.take()] };
}

/** The times of the instances that these sections are of. */
function instanceTimes(
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
