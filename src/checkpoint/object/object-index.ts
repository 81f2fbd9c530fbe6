/** The index of an object store: one small document that says what there is and who may change it. */

import type { ProcessIdentity } from '../directory/process-identity.js';
import { type Check, each, record } from '../json-check.js';
import { seal, unseal } from '../sealed-json.js';
import { formatError } from '../storage-errors.js';
import type { FinishedMark } from '../store.js';

export interface LeaseOwner extends ProcessIdentity {
  readonly token: string;
  /** Whoever sees the index unchanged for this long may take it over. */
  readonly leaseMs: number;
}

export interface IndexedCheckpoint {
  readonly checkpoint: number;
  readonly epoch: number;
  /** Name of its manifest. */
  readonly manifest: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What the index says. */
export interface IndexContent {
  /** The greatest epoch ever given out. */
  readonly epoch: number;
  readonly owner?: LeaseOwner | undefined;
  /** The greatest id that was ever complete and is no more: a run was rewound. */
  readonly rewound?: number | undefined;
  /** Newest first. */
  readonly checkpoints: readonly IndexedCheckpoint[];
  readonly finished?: FinishedMark | undefined;
}

export interface ObjectIndex extends IndexContent {
  /** Never used twice: no two writes have the same bytes, hence none the same tag. */
  readonly write: string;
}

const text: Check = (value) => (typeof value === 'string' ? undefined : 'a text');
const whole: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'a whole number from 0';
const matching =
  (pattern: RegExp, what: string): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value) ? undefined : what;
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);

const indexShape = record({
  write: text,
  epoch: whole,
  owner: optional(
    record({
      pid: whole,
      host: text,
      started: text,
      pidNamespace: text,
      token: text,
      leaseMs: whole,
    }),
  ),
  rewound: optional(whole),
  checkpoints: each(
    record({
      checkpoint: whole,
      epoch: whole,
      manifest: matching(/^[A-Za-z0-9-]+\.json$/, 'the name of a manifest'),
      bytes: whole,
      sha256: matching(/^[0-9a-f]{64}$/, 'a SHA-256'),
    }),
  ),
  finished: optional(record({ run: text, checkpoint: optional(whole), result: record({}) })),
});

/** Throws a TypeError for a mark that JSON cannot hold. */
export function encodeIndex(index: ObjectIndex): Uint8Array {
  return seal('index', index);
}

/** Throws ERR_HOLDFAST_CHECKPOINT_CORRUPT or …_FORMAT; `file` is for messages. */
export function decodeIndex(bytes: Uint8Array, file: string): ObjectIndex {
  const value = unseal('index', bytes, file);
  const problem = indexShape(value);
  if (problem !== undefined) throw formatError(file, `the index's ${problem}`);
  return value as ObjectIndex;
}

/** `of` with one more checkpoint. */
export function withCheckpoint(of: IndexContent, added: IndexedCheckpoint): IndexContent {
  const checkpoints = [...of.checkpoints, added].sort((a, b) => b.checkpoint - a.checkpoint);
  return { ...of, checkpoints };
}
