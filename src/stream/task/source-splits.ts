/**
 * Which splits an instance reads, how far it is in each, and how both pass through snapshots.
 *
 *  S1  At the first start split i goes to instance i mod p. After a restore with the same parallelism an instance
 *      goes on with its own splits; with another parallelism the unfinished splits are dealt anew, in list order.
 *  S2  Whoever has a finished split remembers it: no split is read twice, none is forgotten.
 *  S3  The number of records emitted is cumulative over restores. After a change of parallelism, instance
 *      i takes over the counts of the old instances i, i + p, i + 2p…
 *  S4  Of a source that discovers splits, an instance owns the splits whose ids are its own by hash. So the
 *      instance that looks for new splits knows which of its own it knows already. Each instance numbers what it
 *      finds, its indexes p apart. A source whose splits were dealt by number (it did not discover then) has to
 *      be dealt anew before it may discover.
 */

import { HoldfastError } from '../../base/errors.js';
import { ByteReader } from '../../codec/byte-reader.js';
import { ByteWriter } from '../../codec/byte-writer.js';
import { decodeValue, encodeValue } from '../../codec/value-codec.js';
import { hashKey, murmur3Utf16 } from '../../hashring/murmur3.js';
import type { RestoredSection, StateSection } from '../operator.js';
import type { SourcePosition, SourceSplit } from '../source.js';

const SECTION = 'splits';
/** 1 (0.1.0): without records per split. */
const VERSION = 2;
/** Discovered splits have indexes from here on. */
const DISCOVERED_FROM = 2 ** 24;
const KEY_SEED = 0x9e3779b9;

export interface SplitProgress {
  /** The split's place in the list of all splits. */
  readonly index: number;
  readonly split: SourceSplit;
  /** Position of the next record to emit; undefined: the split's start. */
  position: SourcePosition | undefined;
  finished: boolean;
  /** Records of it emitted since the job's first start, replays not counted twice. Kept since version 2. */
  records: number;
}

export interface SourceState {
  readonly splits: readonly SplitProgress[];
  /** The index that the next split discovered by this instance gets (S4). */
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
  /** The source discovers splits: they are dealt by id (S4). */
  readonly byId: boolean;
}

export function isOwn(id: string, { instance, parallelism }: Dealing): boolean {
  return hashKey(id) % parallelism === instance;
}

/** Names a split of the job by a number: 53 bits of hash, the same in every process. */
export function splitKey(operator: string, id: string): number {
  const name = `${operator}\n${id}`;
  return murmur3Utf16(name) * 2 ** 21 + (murmur3Utf16(name, KEY_SEED) >>> 11);
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

/** For inspection from outside: the splits of a section, or undefined when the section is another one. */
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

/** The error for a split dealt by number: another instance would take it for a new one, and read it again. */
function dealtByNumber(id: string, parallelism: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `the checkpoint was made when the source had no discover(): split '${id}' belongs to another instance now. ` +
      `Start once with another parallelism than ${parallelism}, which deals all splits anew, or afresh with ` +
      "restore: 'none'.",
    { details: { split: id, parallelism } },
  );
}
