/**
 * Which splits an instance reads, how far it is in each, and how that passes through snapshots.
 *
 *  S1  Split i goes to instance i mod p at the first start. After a restore with the same parallelism an instance
 *      goes on with its own; with another one the unfinished splits are dealt anew, in list order.
 *  S2  Finished splits are remembered by whoever has them: no split is read twice, none forgotten.
 *  S3  The number of records emitted is cumulative over restores. After a change of parallelism, instance
 *      i takes over the counts of the old instances i, i + p, i + 2p…
 */

import { HoldfastError } from '../../base/errors.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import type { RestoredSection, StateSection } from '../operator.js';
import type { SourcePosition, SourceSplit } from '../source.js';

const SECTION = 'splits';
/** 1 (0.1.0): without records per split. */
const VERSION = 2;

export interface SplitProgress {
  /** In the list of all splits. */
  readonly index: number;
  readonly split: SourceSplit;
  /** Of the next record to emit; undefined: the split's start. */
  position: SourcePosition | undefined;
  finished: boolean;
  /** Emitted of it since the job's first start, replays not counted twice; since version 2. */
  records: number;
}

export interface SourceState {
  readonly splits: readonly SplitProgress[];
  /** Records emitted since the job's first start, replays not counted twice. */
  readonly records: number;
}

interface EncodedState extends SourceState {
  readonly version: number;
  readonly parallelism: number;
}

export function freshSplits(
  splits: readonly SourceSplit[],
  instance: number,
  parallelism: number,
): SourceState {
  const all = splits.map((split, index) => ({
    index,
    split,
    position: undefined,
    finished: false,
    records: 0,
  }));
  return { splits: all.filter(({ index }) => index % parallelism === instance), records: 0 };
}

export function encodeSplits(state: SourceState, parallelism: number): StateSection {
  const writer = new ByteWriter();
  encodeValue(writer, { version: VERSION, parallelism, ...state });
  return { name: SECTION, chunks: [writer.take()] };
}

/** Undefined when the checkpoint holds nothing of this source. */
export function restoreSplits(
  restored: readonly RestoredSection[],
  instance: number,
  parallelism: number,
): SourceState | undefined {
  const sections = restored
    .filter((section) => section.name === SECTION)
    .map((section) => ({ instance: section.instance, state: decode(section.bytes) }));
  if (sections.length === 0) return undefined;
  if (sections.every(({ state }) => state.parallelism === parallelism)) {
    const own = sections.filter((section) => section.instance === instance);
    return {
      splits: own.flatMap(({ state }) => state.splits),
      records: own.reduce((sum, { state }) => sum + state.records, 0),
    };
  }
  const all = sections.flatMap(({ state }) => state.splits).sort((a, b) => a.index - b.index);
  const open = all.filter((split) => !split.finished);
  const finished = all.filter((split) => split.finished);
  return {
    splits: [open, finished]
      .flatMap((group) => group.filter((_, i) => i % parallelism === instance))
      .sort((a, b) => a.index - b.index),
    records: sections
      .filter((section) => section.instance % parallelism === instance)
      .reduce((sum, { state }) => sum + state.records, 0),
  };
}

/** For a look from outside: the splits of a section, or undefined when it is another one. */
export function splitsIn(name: string, bytes: Uint8Array): readonly SplitProgress[] | undefined {
  return name === SECTION ? decode(bytes).splits : undefined;
}

function decode(bytes: Uint8Array): EncodedState {
  const state = decodeValue(new ByteReader(bytes)) as EncodedState;
  if (state?.version === 1) {
    return { ...state, splits: state.splits.map((split) => ({ ...split, records: 0 })) };
  }
  if (state?.version !== VERSION) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_FORMAT',
      `a source's positions were written in format ${String(state?.version)}, this version of ` +
        `Holdfast reads ${VERSION}.`,
    );
  }
  return state;
}
