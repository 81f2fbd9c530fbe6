/**
 * How far time had come per key group, where that differs from the instance's time: after a restore from an
 * unaligned checkpoint, or with another allowed lateness.
 *
 *  V1  At the cut of an unaligned checkpoint instances need not have seen the same watermark. After a rescale an
 *      instance's time is the earliest of the times of the instances from which its groups come. A group from an
 *      instance that was ahead has *fired* what its time had reached, and must not fire it again.
 *  V2  The cut may fall into the midst of a firing. What has not fired then fires when the watermark comes again.
 *      But the watermark had come, and what it *closed* stays closed: a record for it is late, also for a key
 *      that has fired and left nothing behind. After a rescale the watermark need not come first.
 *  V3  A group is closed at least as far as it has fired. When time has caught up, all of this is forgotten.
 *  V4  A window that was *freed* stays closed, also when more lateness is allowed than then: nothing is left of
 *      what it had counted. So snapshots tell the last moment up to which windows were freed. Its meaning does
 *      not change with the lateness, as that of the time at which they were freed would.
 */

import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import type { OperatorContext, RestoredSection, StateSection } from '../operator.js';
import { ownGroups } from '../state/own-groups.js';
import { earliestTime } from '../state/time-section.js';
import { hasPassed } from './lateness.js';

const FIRED_SECTION = 'group-times';
const CLOSED_SECTION = 'group-ends';
const FREED_SECTION = 'group-freed';

type GroupOwners = Pick<
  OperatorContext,
  'operator' | 'instance' | 'keyGroups' | 'ownsGroup' | 'formerOwner'
>;

/** By key group, in ms. */
type Times = Map<number, number>;

export class GroupTimes {
  readonly #fired: Times = new Map();
  readonly #closed: Times = new Map();
  /** Up to which last moment each group's windows were freed (V4). */
  readonly #freed: Times = new Map();
  readonly #allowedLatenessMs: number;
  /** From this time on the instance's own time tells all that is told here. */
  #latestMs = Number.NEGATIVE_INFINITY;

  constructor(allowedLatenessMs: number) {
    this.#allowedLatenessMs = allowedLatenessMs;
  }

  /** Goes on with what an earlier instance knew. @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
  restore(restored: readonly RestoredSection[], context: GroupOwners): void {
    for (const section of restored) {
      const { name, bytes } = section;
      const note = this.#noteOf(name);
      if (note === undefined) continue;
      const owns = ownGroups(context, section);
      const reader = new ByteReader(bytes, { what: 'times of key groups' });
      while (reader.remaining > 0) {
        const group = reader.u16();
        const timeMs = reader.f64();
        if (owns(group)) note(group, timeMs);
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

  /** @param lastMs windows up to the one with this last moment were freed */
  noteFreed(group: number, lastMs: number): void {
    raise(this.#freed, group, lastMs);
    this.#latestMs = Math.max(this.#latestMs, lastMs + this.#allowedLatenessMs);
  }

  /** Has the group fired what is due at that time? */
  hasFired(group: number, timeMs: number): boolean {
    return hasPassed(this.#fired.get(group) ?? Number.NEGATIVE_INFINITY, timeMs);
  }

  /** Is a window over for the group? @param lastMs its last moment @param closeMs that + allowed lateness */
  isClosed(group: number, lastMs: number, closeMs: number): boolean {
    return (
      hasPassed(this.closedMs(group), closeMs) ||
      hasPassed(this.#freed.get(group) ?? Number.NEGATIVE_INFINITY, lastMs)
    );
  }

  /** How far time had come for the group; −∞ when that is not known. */
  closedMs(group: number): number {
    return this.#closed.get(group) ?? Number.NEGATIVE_INFINITY;
  }

  /** Is any group ahead of that time? */
  isAhead(timeMs: number): boolean {
    return this.#latestMs > timeMs;
  }

  capture(): readonly StateSection[] {
    return [
      encode(FIRED_SECTION, this.#fired),
      encode(CLOSED_SECTION, this.#closed),
      encode(FREED_SECTION, this.#freed),
    ];
  }

  #noteOf(section: string): ((group: number, timeMs: number) => void) | undefined {
    switch (section) {
      case FIRED_SECTION:
        return (group, timeMs) => this.noteFired(group, timeMs);
      case CLOSED_SECTION:
        return (group, timeMs) => this.noteClosed(group, timeMs);
      case FREED_SECTION:
        return (group, lastMs) => this.noteFreed(group, lastMs);
      default:
        return undefined;
    }
  }
}

/** Names of the sections that tell an instance's times. */
export interface TimeSections {
  /** How far it had fired. */
  readonly fired: string;
  /** The watermark that had come, where that is later. */
  readonly closed?: string;
  /** The last moment up to which it had freed windows. */
  readonly freed?: string;
}

/**
 * The times of the instance's key groups.
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
 */
export function groupTimes(
  sections: TimeSections,
  allowedLatenessMs: number,
  restored: readonly RestoredSection[],
  context: GroupOwners,
): GroupTimes {
  const times = new GroupTimes(allowedLatenessMs);
  times.restore(restored, context);
  const firedBy = instanceTimes(sections.fired, restored);
  const closedBy = instanceTimes(sections.closed, restored);
  const freedBy = instanceTimes(sections.freed, restored);
  for (let group = 1; group <= context.keyGroups; group += 1) {
    if (!context.ownsGroup(group)) continue;
    const owner = context.formerOwner?.(group) ?? context.instance;
    times.noteFired(group, firedBy(owner));
    times.noteClosed(group, closedBy(owner));
    times.noteFreed(group, freedBy(owner));
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
  name: string | undefined,
  restored: readonly RestoredSection[],
): (instance: number) => number {
  const times = new Map<number, number>();
  if (name === undefined) return () => Number.NEGATIVE_INFINITY;
  for (const { instance } of restored) {
    if (times.has(instance)) continue;
    const own = restored.filter((section) => section.instance === instance);
    times.set(instance, earliestTime(name, own));
  }
  return (instance) => times.get(instance) ?? Number.NEGATIVE_INFINITY;
}
