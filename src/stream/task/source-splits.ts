/**
 * Which splits an instance reads, how far it is in each, and how that passes through snapshots.
 *
 *  S1  Split i goes to instance i mod p at the first start. After a restore with the same parallelism an instance
 *      goes on with its own; with another one the unfinished splits are dealt anew, in list order.
 *  S2  Finished splits are remembered by whoever has them: no split is read twice, none forgotten.
 *  S3  The number of records emitted is cumulative over restores. After a change of parallelism, instance
 *      i takes over the counts of the old instances i, i + p, i + 2p…
 *  S4  Of a source that discovers splits each instance has those whose ids are its own by hash: whoever looks
 *      for new ones knows which of them it knows. Each gives its own indexes to what it finds, p apart. So a
 *      source that did not discover when its splits were dealt has to be dealt anew before it may.
 */

import { HoldfastError } from '../../base/errors.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { hashKey } from '../../hashring/murmur3.js';
import type { RestoredSection, StateSection } from '../operator.js';
import type { SourcePosition, SourceSplit } from '../source.js';

const SECTION = 'splits';
/** 1 (0.1.0): without records per split. */
const VERSION = 2;
/** Indexes from here on are of discovered splits. */
const DISCOVERED_FROM = 2 ** 24;

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
  /** Index of the next split that is discovered by this instance (S4). */
  readonly nextIndex: number;
  /** Records emitted since the job's first start, replays not counted twice. */
  readonly records: number;
}

interface EncodedState extends SourceState {
  readonly version: number;
  readonly parallelism: number;
}

/** How splits are dealt. */
export interface Dealing {
  readonly instance: number;
  readonly parallelism: number;
  /** The source discovers splits (S4). */
  readonly byId: boolean;
}

export function isOwn(id: string, { instance, parallelism }: Dealing): boolean {
  return hashKey(id) % parallelism === instance;
}

export function freshSplits(splits: readonly SourceSplit[], dealing: Dealing): SourceState {
  const { instance, parallelism, byId } = dealing;
  return {
    splits: splits
      .map((split, index) => freshSplit(split, index))
      .filter(({ index, split }) =>
        byId ? isOwn(split.id, dealing) : index % parallelism === instance,
      ),
    nextIndex: DISCOVERED_FROM + instance,
    records: 0,
  };
}

export function freshSplit(split: SourceSplit, index: number): SplitProgress {
  return { index, split, position: undefined, finished: false, records: 0 };
}

export function encodeSplits(state: SourceState, parallelism: number): StateSection {
  const writer = new ByteWriter();
  encodeValue(writer, { version: VERSION, parallelism, ...state });
  return { name: SECTION, chunks: [writer.take()] };
}

/** Undefined when the checkpoint holds nothing of this source. */
export function restoreSplits(
  restored: readonly RestoredSection[],
  dealing: Dealing,
): SourceState | undefined {
  const { instance, parallelism, byId } = dealing;
  const sections = restored
    .filter((section) => section.name === SECTION)
    .map(({ instance, bytes }) => ({ instance, state: decode(bytes, instance) }));
  if (sections.length === 0) return undefined;
  if (sections.every(({ state }) => state.parallelism === parallelism)) {
    const own = sections.filter((section) => section.instance === instance);
    const splits = own.flatMap(({ state }) => state.splits);
    const stranger = byId ? splits.find(({ split }) => !isOwn(split.id, dealing)) : undefined;
    if (stranger !== undefined) throw dealtByNumber(stranger.split.id, parallelism);
    return {
      splits,
      nextIndex: own[0]?.state.nextIndex ?? DISCOVERED_FROM + instance,
      records: own.reduce((sum, { state }) => sum + state.records, 0),
    };
  }
  const all = sections.flatMap(({ state }) => state.splits).sort((a, b) => a.index - b.index);
  const open = all.filter((split) => !split.finished);
  const finished = all.filter((split) => split.finished);
  return {
    splits: byId
      ? all.filter(({ split }) => isOwn(split.id, dealing))
      : [open, finished]
          .flatMap((group) => group.filter((_, i) => i % parallelism === instance))
          .sort((a, b) => a.index - b.index),
    nextIndex: Math.max(...sections.map(({ state }) => state.nextIndex)) + instance,
    records: sections
      .filter((section) => section.instance % parallelism === instance)
      .reduce((sum, { state }) => sum + state.records, 0),
  };
}

/** For a look from outside: the splits of a section, or undefined when it is another one. */
export function splitsIn(name: string, bytes: Uint8Array): readonly SplitProgress[] | undefined {
  return name === SECTION ? decode(bytes).splits : undefined;
}

function decode(bytes: Uint8Array, instance = 0): EncodedState {
  const state = decodeValue(new ByteReader(bytes)) as EncodedState;
  if (state?.version === 1) {
    const splits = state.splits.map((split) => ({ ...split, records: 0 }));
    return { ...state, splits, nextIndex: DISCOVERED_FROM + instance };
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

/** Another instance would take the split for a new one, and read it again. */
function dealtByNumber(id: string, parallelism: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `the checkpoint was made when the source had no discover(): split '${id}' belongs to another instance now. ` +
      `Start once with another parallelism than ${parallelism}, which deals all splits anew, or afresh with ` +
      "restore: 'none'.",
    { details: { split: id, parallelism } },
  );
}
