/**
 * Which keys of a window have fired, where a snapshot falls between two of them and the keys stay: with allowed lateness,
 * or in windows that overlap.
 *
 *  H1  The snapshot's time stands before the window's end (window-operator.ts, W6). So the window fires when the watermark
 *      comes again, without the keys that are told here.
 *  H2  A record may come before that. Then it counts as one that comes behind the firing: its key's row goes out again.
 *  H3  Instances may have been in the midst of different windows. A key is told of with its group, so that it is found by
 *      the instance that has the group now.
 *  H4  What is told is written again until the window has fired.
 *
 * In a snapshot (section `half-fired`): for each of them
 *
 *     end of the window in ms f64 | key group u16 | key, encoded
 */

import { ByteReader } from '../../codec/byte-reader.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { canonicalKey, type PrimitiveKey } from '../../hashring/canonical-key.js';
import { keyGroupOf } from '../../hashring/key-group.js';
import type { Capture, CapturedState, OperatorContext, RestoredSection } from '../operator.js';
import { ChunkedWriter } from '../state/chunked-writer.js';
import { ownGroups } from '../state/own-groups.js';

const SECTION = 'half-fired';

/** Keys for which the window that ends there has fired. */
export interface FiredKeys {
  readonly end: number;
  readonly keys: readonly unknown[];
}

export class HalfFired {
  /** Keys by their canonical forms, by the end of the window. */
  readonly #windows = new Map<number, Map<PrimitiveKey, unknown>>();

  /** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
  restore(restored: readonly RestoredSection[], context: OperatorContext): void {
    for (const section of restored) {
      if (section.name !== SECTION) continue;
      const owns = ownGroups(context, section);
      const reader = new ByteReader(section.bytes, { what: 'keys of a firing' });
      while (reader.remaining > 0) {
        const end = reader.f64();
        const group = reader.u16();
        const key = decodeValue(reader);
        if (owns(group)) this.#note(end, key);
      }
    }
  }

  get isEmpty(): boolean {
    return this.#windows.size === 0;
  }

  has(end: number, canonical: PrimitiveKey): boolean {
    return this.#windows.get(end)?.has(canonical) === true;
  }

  /** The window has fired for all keys. */
  fired(end: number): void {
    this.#windows.delete(end);
  }

  /** @param more of the window that fires now; undefined: none does. @returns undefined where there is nothing to tell */
  capture(keyGroups: number, more: FiredKeys | undefined): Capture | undefined {
    const known = [...this.#windows].map(([end, keys]) => ({ end, keys: [...keys.values()] }));
    const all = more === undefined ? known : [...known, more];
    return all.every(({ keys }) => keys.length === 0)
      ? undefined
      : new HalfFiredCapture(all, keyGroups);
  }

  #note(end: number, key: unknown): void {
    let keys = this.#windows.get(end);
    if (keys === undefined) {
      keys = new Map();
      this.#windows.set(end, keys);
    }
    keys.set(canonicalKey(key), key);
  }
}

class HalfFiredCapture implements Capture {
  readonly #windows: readonly FiredKeys[];
  readonly #keyGroups: number;
  readonly #chunks = new ChunkedWriter();
  #window = 0;
  #key = 0;

  constructor(windows: readonly FiredKeys[], keyGroups: number) {
    this.#windows = windows;
    this.#keyGroups = keyGroups;
  }

  step(deadline: number): boolean {
    const { writer } = this.#chunks;
    for (;;) {
      const window = this.#windows[this.#window];
      if (window === undefined) return true;
      if (this.#key === window.keys.length) {
        this.#window += 1;
        this.#key = 0;
        continue;
      }
      const key = window.keys[this.#key];
      this.#key += 1;
      writer.f64(window.end);
      writer.u16(keyGroupOf(key, this.#keyGroups));
      encodeValue(writer, key, 'key');
      this.#chunks.cutFull();
      if (this.#key % 64 === 0 && performance.now() >= deadline) return false;
    }
  }

  take(): CapturedState {
    return { sections: [{ name: SECTION, chunks: this.#chunks.finish() }] };
  }

  abort(): void {}
}
