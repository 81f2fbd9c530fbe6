/**
 * A task's counters (late records…) in its snapshot, so that a restart neither forgets what was
 * counted nor counts it again.
 *
 * After a change of parallelism the counters of an old instance go to one new instance. It is one of those that get
 * the section: on keyed input the owner of the lowest key group that the old instance had; elsewhere, where all
 * instances get all sections, instance i mod parallelism.
 */

import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import type { RestoredSection, StateSection } from '../operator.js';

/** Beside the sections of the task's first operator, like `~task`. */
const SECTION = '~counters';

/** Which instance of the task counts, and of how many. */
export interface CountingInstance {
  readonly instance: number;
  readonly parallelism: number;
  /** Key group → instance; undefined when nothing of that parallelism is keyed. */
  readonly table: Uint16Array | undefined;
}

interface Encoded {
  /** 0 for none. */
  readonly lowestGroup: number;
  readonly counters: readonly (readonly [name: string, count: number])[];
}

export function encodeCounters(
  counters: Readonly<Record<string, number>>,
  { table, instance }: CountingInstance,
): StateSection {
  const lowestGroup = table === undefined ? 0 : Math.max(0, table.indexOf(instance, 1));
  const encoded: Encoded = { lowestGroup, counters: Object.entries(counters) };
  const writer = new ByteWriter(64);
  encodeValue(writer, encoded, 'counters');
  return { name: SECTION, chunks: [new Uint8Array(writer.written())] };
}

/**
 * Calls `add` for each counter that is this instance's now.
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
 */
export function restoreCounters(
  restored: readonly RestoredSection[],
  { instance, parallelism, table }: CountingInstance,
  add: (counter: string, by: number) => void,
): void {
  for (const section of restored) {
    if (section.name !== SECTION) continue;
    const { lowestGroup, counters } = decode(section.bytes);
    const owner = table?.[lowestGroup];
    const heir = lowestGroup === 0 || owner === undefined ? section.instance % parallelism : owner;
    if (heir !== instance) continue;
    for (const [counter, by] of counters) add(counter, by);
  }
}

function decode(bytes: Uint8Array): Encoded {
  const reader = new ByteReader(bytes, { what: 'counters of a task' });
  const encoded = decodeValue(reader) as Partial<Encoded> | null | undefined;
  if (!Number.isInteger(encoded?.lowestGroup) || !Array.isArray(encoded?.counters)) {
    throw reader.corrupt('no counters', 0);
  }
  return encoded as Encoded;
}
