/**
 * The keys of numeric state: an append-only log of key entries in shared memory.
 *
 *     slot 3          slot 4          slot 5 (tail)
 *     [e e · e · ·]   [· e e e e e]   [e e e→      ]        · = garbage
 *
 * A reference is `slot · SLOT_BYTES + offset`, a safe integer kept in a row's first word.
 *
 *  K1  A byte once written stays as it is until its slot is dropped. So a snapshot needs no copy, only the
 *      lengths in use at the cut. A slot lives as long as a snapshot holds it.
 *  K2  References grow, and none is used twice.
 *  K3  An entry lies within one slot. One that is larger than a slot gets a segment of its own, which
 *      takes up as many slot numbers as it needs.
 *  K4  Memory is reclaimed from the oldest slot on: its live entries move to the tail, then the slot is dropped.
 *      One call reclaims at most one slot, so that no record waits for more than that.
 */

import { assert } from '../../base/assert.js';
import { HoldfastError } from '../../base/errors.js';
import {
  ENTRY_HEADER_BYTES,
  entryBytes,
  entryRow,
  type KeyEntry,
  prepareKey,
  readEntry,
  writeEntry,
} from './key-entry.js';

const SLOT_SHIFT = 18;
export const SLOT_BYTES = 2 ** SLOT_SHIFT;

interface Slot {
  /** Slot number; a large segment also takes up the numbers behind it. */
  readonly number: number;
  readonly span: number;
  readonly buffer: Buffer;
  used: number;
  live: number;
}

/** A slot as it was at a cut. */
export interface SlotPrefix {
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** Bytes that were appended to a slot since some cut. */
export interface SlotPiece extends SlotPrefix {
  /** Where in the slot they begin. */
  readonly from: number;
}

export class KeyBlob {
  /** By slot number minus the first slot's number; every number that a large segment takes up has an entry for it. */
  #slots: Slot[] = [];
  #first = 0;
  #next = 0;
  #usedBytes = 0;
  #liveBytes = 0;

  /** Bytes of entries in use. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Bytes written and not reclaimed yet. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** @returns the entry's reference */
  append(row: number, group: number, key: unknown): number {
    const prepared = prepareKey(key);
    const bytes = ENTRY_HEADER_BYTES + prepared.bytes;
    const slot = this.#room(bytes);
    const at = slot.used;
    writeEntry(slot.buffer, at, row, group, prepared);
    this.#grown(slot, bytes);
    return slot.number * SLOT_BYTES + at;
  }

  entry(reference: number): KeyEntry {
    const slot = this.#slotOf(reference);
    return readEntry(slot.buffer, reference - slot.number * SLOT_BYTES);
  }

  /** The entry is garbage from now on. */
  release(reference: number): void {
    const slot = this.#slotOf(reference);
    const bytes = entryBytes(slot.buffer, reference - slot.number * SLOT_BYTES);
    slot.live -= bytes;
    this.#liveBytes -= bytes;
  }

  /** Is more than half of the memory garbage, by more than a slot? */
  get wasteful(): boolean {
    return this.#usedBytes - this.#liveBytes > this.#liveBytes + SLOT_BYTES;
  }

  /**
   * Reclaims the oldest slot.
   * @param owns does the row still refer to the entry?
   * @param moved the row's new reference
   */
  cleanOldest(
    owns: (row: number, reference: number) => boolean,
    moved: (row: number, reference: number) => void,
  ): void {
    const oldest = this.#slots[0];
    if (oldest === undefined) return;
    if (oldest === this.#slots.at(-1)) {
      // Only the tail is left. Its garbage is less than a slot, unless it is one large segment.
      if (oldest.live > 0) return;
      this.#drop(oldest);
      return;
    }
    if (oldest.live > 0) this.#moveLive(oldest, owns, moved);
    this.#drop(oldest);
  }

  /** What a snapshot taken now consists of (K1). */
  prefix(): SlotPrefix[] {
    const prefixes: SlotPrefix[] = [];
    for (let i = 0; i < this.#slots.length; i += this.#slots[i]!.span) {
      const { number, buffer, used } = this.#slots[i]!;
      prefixes.push({ number, bytes: new Uint8Array(buffer.buffer, 0, used) });
    }
    return prefixes;
  }

  /** All entries made from now on have references from here on (K2). */
  get end(): number {
    const tail = this.#slots.at(-1);
    return tail === undefined ? this.#next * SLOT_BYTES : tail.number * SLOT_BYTES + tail.used;
  }

  /** Number of the oldest slot there is. */
  get firstSlot(): number {
    return this.#first;
  }

  /** What a snapshot taken now has more than a snapshot that was taken when `end` was `since` (K1). */
  suffix(since: number): SlotPiece[] {
    return this.prefix()
      .map(({ number, bytes }) => {
        const from = Math.max(0, since - number * SLOT_BYTES);
        return { number, from, bytes: bytes.subarray(Math.min(from, bytes.length)) };
      })
      .filter(({ bytes }) => bytes.length > 0);
  }

  /**
   * Takes over the slots of a snapshot under their numbers, so that references stay true. All entries are garbage
   * until they are claimed. Only an empty blob may do this.
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT when slots are missing
   */
  adopt(slots: readonly SlotPrefix[]): void {
    assert(this.#next === 0, 'keys are taken over by an empty blob');
    for (const [i, { number, bytes }] of slots.entries()) {
      if (i === 0) this.#first = number;
      else if (number !== this.#next)
        throw corruptBlob(`slot ${this.#next} of its keys is missing`);
      this.#next = number;
      const slot = this.#newSlot(bytes.length);
      slot.buffer.set(bytes);
      slot.used = bytes.length;
      this.#usedBytes += bytes.length;
    }
  }

  /** The entry is in use. */
  claim(reference: number): void {
    const slot = this.#slotOf(reference);
    const bytes = entryBytes(slot.buffer, reference - slot.number * SLOT_BYTES);
    slot.live += bytes;
    this.#liveBytes += bytes;
  }

  #moveLive(
    slot: Slot,
    owns: (row: number, reference: number) => boolean,
    moved: (row: number, reference: number) => void,
  ): void {
    const base = slot.number * SLOT_BYTES;
    for (let at = 0; at < slot.used; ) {
      const bytes = entryBytes(slot.buffer, at);
      const row = entryRow(slot.buffer, at);
      if (owns(row, base + at)) {
        const tail = this.#room(bytes);
        tail.buffer.set(slot.buffer.subarray(at, at + bytes), tail.used);
        const reference = tail.number * SLOT_BYTES + tail.used;
        this.#grown(tail, bytes);
        moved(row, reference);
        slot.live -= bytes;
        this.#liveBytes -= bytes;
      }
      at += bytes;
    }
    assert(slot.live === 0, 'a key entry was lost while cleaning');
  }

  #drop(slot: Slot): void {
    this.#slots.splice(0, slot.span);
    this.#first += slot.span;
    this.#usedBytes -= slot.used;
  }

  #room(bytes: number): Slot {
    const tail = this.#slots.at(-1);
    if (tail !== undefined && tail.buffer.length - tail.used >= bytes) return tail;
    return this.#newSlot(bytes);
  }

  /** A new slot with room for an entry of that size. */
  #newSlot(bytes: number): Slot {
    const span = Math.max(1, Math.ceil(bytes / SLOT_BYTES));
    const slot: Slot = {
      number: this.#next,
      span,
      buffer: Buffer.from(new SharedArrayBuffer(span * SLOT_BYTES)),
      used: 0,
      live: 0,
    };
    this.#next += span;
    for (let i = 0; i < span; i += 1) this.#slots.push(slot);
    return slot;
  }

  #grown(slot: Slot, bytes: number): void {
    slot.used += bytes;
    slot.live += bytes;
    this.#usedBytes += bytes;
    this.#liveBytes += bytes;
  }

  #slotOf(reference: number): Slot {
    const slot = this.#slots[Math.floor(reference / SLOT_BYTES) - this.#first];
    assert(slot !== undefined, `no key at reference ${reference}`);
    return slot;
  }
}

function corruptBlob(what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    `keyed state in the checkpoint is damaged: ${what}. Restore an older checkpoint.`,
  );
}
