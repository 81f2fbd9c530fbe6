/**
 * Records that an operator had taken and not finished, as bytes (part of the snapshot format): the encoded value
 * `['holdfast-in-flight', 1]`, then the records in the order in which they were taken, each as
 *
 *     time in ms f64 | mark f64 | key group u16 | record, encoded
 */

import { HoldfastError } from '../../base/errors.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import type { Capture, CapturedState, OperatorContext, RestoredSection } from '../operator.js';
import { ChunkedWriter } from './chunked-writer.js';
import { ownGroups } from './own-groups.js';

export const IN_FLIGHT_SECTION = 'in-flight';

const MAGIC = 'holdfast-in-flight';
const VERSION = 1;

export interface TakenRecord {
  readonly record: unknown;
  readonly timestamp: number;
  /** 0 where the operator is not keyed. */
  readonly group: number;
  readonly behind: number;
}

/** Writes records that nobody changes any more. */
export class InFlightCapture implements Capture {
  readonly #taken: readonly TakenRecord[];
  readonly #chunks = new ChunkedWriter();
  #at = 0;

  constructor(taken: readonly TakenRecord[]) {
    this.#taken = taken;
    encodeValue(this.#chunks.writer, [MAGIC, VERSION]);
  }

  step(deadline: number): boolean {
    const { writer } = this.#chunks;
    while (this.#at < this.#taken.length) {
      const { record, timestamp, group, behind } = this.#taken[this.#at]!;
      this.#at += 1;
      writer.f64(timestamp);
      writer.f64(behind);
      writer.u16(group);
      encodeValue(writer, record, 'record');
      this.#chunks.cutFull();
      if (performance.now() >= deadline) break;
    }
    return this.#at === this.#taken.length;
  }

  take(): CapturedState {
    return { sections: [{ name: IN_FLIGHT_SECTION, chunks: this.#chunks.finish() }] };
  }

  abort(): void {}
}

/**
 * What was in flight, as far as it is this instance's now: of a keyed operator the records of its key groups; else what
 * instance *i* mod the parallelism had.
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, …_FORMAT
 */
export function restoredInFlight(
  context: OperatorContext,
  restored: readonly RestoredSection[],
): readonly TakenRecord[] {
  const { instance, parallelism } = context;
  const own: TakenRecord[] = [];
  for (const section of restored) {
    if (section.name !== IN_FLIGHT_SECTION) continue;
    const isOwnGroup = ownGroups(context, section);
    const isOwnInstance = section.instance % parallelism === instance;
    const reader = new ByteReader(section.bytes, { what: 'records in flight' });
    readHead(reader);
    while (reader.remaining > 0) {
      const timestamp = reader.f64();
      const behind = reader.f64();
      const group = reader.u16();
      const record = decodeValue(reader);
      const isOwn = group === 0 ? isOwnInstance : isOwnGroup(group);
      if (isOwn) own.push({ record, timestamp, group, behind });
    }
  }
  return own;
}

function readHead(reader: ByteReader): void {
  const head = decodeValue(reader);
  if (!Array.isArray(head) || head[0] !== MAGIC) {
    throw reader.corrupt('they do not begin as they should', 0);
  }
  if (head[1] !== VERSION) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_FORMAT',
      `records in flight were written in format ${String(head[1])}, this version of Holdfast reads ${VERSION}.`,
    );
  }
}
