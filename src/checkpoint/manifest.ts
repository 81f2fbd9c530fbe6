/** Manifests as bytes. Writer and reader check by the same rules what a valid manifest is. */

import { EPOCH_MAX } from './epoch-limit.js';
import { type Check, describeValue, each, optional, record } from './json-check.js';
import { COMPRESSIONS } from './parts/compression.js';
import { chainOf, filesOf } from './parts/part-chain.js';
import { seal, unseal } from './sealed-json.js';
import { formatError } from './storage-errors.js';
import type { FinishedMark, Manifest, PartDescriptor } from './store.js';

/** See `Manifest.format`. */
export const MANIFEST_FORMATS = [1, 2] as const;
/** Names of part files. A name is never a path. */
const FILE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/;
const SHA256 = /^[0-9a-f]{64}$/;

const text: Check = (value) => (typeof value === 'string' ? undefined : 'a text');
const name: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'a text that is not empty';
const flag: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const count: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : 'a whole number from 0';
const positive: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 1 ? undefined : 'a whole number from 1';
const time: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) ? undefined : 'a time in milliseconds';
const oneOf =
  (...allowed: readonly unknown[]): Check =>
  (value) =>
    allowed.includes(value) ? undefined : allowed.map((one) => describeValue(one)).join(' or ');

const partFile = {
  file: (value: unknown) =>
    value === '' || (typeof value === 'string' && FILE_NAME.test(value))
      ? undefined
      : 'the name of a file, without a path',
  bytes: count,
  sha256: text,
  vertex: text,
  instance: count,
  compression: optional(oneOf(...COMPRESSIONS)),
  sections: each(
    record({
      operator: text,
      name: text,
      bytes: count,
      delta: optional(oneOf(true)),
      entries: optional(count),
      live: optional(count),
    }),
  ),
};

const manifestShape = record({
  format: oneOf(...MANIFEST_FORMATS),
  job: text,
  run: name,
  checkpoint: positive,
  epoch: (value) =>
    count(value) ?? ((value as number) > EPOCH_MAX ? 'an epoch that a run can have' : undefined),
  createdAtMs: time,
  graphHash: text,
  keyGroups: positive,
  mode: oneOf('exactly-once', 'at-least-once'),
  final: flag,
  operators: each(
    record({
      id: name,
      type: text,
      stateful: flag,
      parallelism: positive,
      vertex: text,
      states: optional(each(record({ section: text, layout: text }))),
    }),
  ),
  tables: each(each(count), 'object'),
  parts: each(record({ ...partFile, earlier: optional(each(record(partFile))) })),
  transactions: each(record({ operator: text, instance: count, transaction: record({}) })),
  sourceRecords: each(count, 'object'),
  holdfast: text,
  node: text,
});

const finishedShape = record({ run: name, result: record({}) });

/** What is wrong with a manifest, or undefined. */
export function manifestProblem(value: unknown): string | undefined {
  const problem = manifestShape(value);
  if (problem !== undefined) return `the manifest's ${problem}`;
  const manifest = value as Manifest;
  for (const [q, table] of Object.entries(manifest.tables)) {
    if (table.length !== manifest.keyGroups) {
      return `the key-group table for ${q} instances has ${table.length} entries, not ${manifest.keyGroups}`;
    }
    if (!/^[1-9]\d{0,8}$/.test(q) || table.some((owner) => owner >= Number(q))) {
      return `the key-group table '${q}' names instances that do not exist`;
    }
  }
  const files = new Set<string>();
  for (const part of manifest.parts) {
    const problem = filesProblem(part, files) ?? chainProblem(manifest, part);
    if (problem !== undefined) return problem;
  }
  return stateProblem(manifest);
}

/** Every instance writes its keyed state, also when it is empty: so a section that is missing was lost. */
function stateProblem({ operators, parts, tables }: Manifest): string | undefined {
  const written = new Set<string>();
  for (const { vertex, instance, sections } of parts) {
    for (const { operator, name } of sections) {
      written.add(JSON.stringify([vertex, instance, operator, name]));
    }
  }
  for (const { id, vertex, parallelism, states = [] } of operators) {
    if (states.length > 0 && tables[String(parallelism)] === undefined) {
      return `no key-group table tells whose state is whose of the ${parallelism} instances of operator '${id}'`;
    }
    for (const { section } of states) {
      for (let instance = 0; instance < parallelism; instance += 1) {
        if (written.has(JSON.stringify([vertex, instance, id, section]))) continue;
        return `no part has the state '${section}' of operator '${id}', instance ${instance}`;
      }
    }
  }
  return undefined;
}

/** @param files names of files seen so far; those of this part are added */
function filesProblem(part: PartDescriptor, files: Set<string>): string | undefined {
  for (const { file, sha256, sections, vertex, instance } of [part, ...(part.earlier ?? [])]) {
    if (file === '') {
      if (sections.length === 0) continue;
      return `the part of vertex '${vertex}', instance ${instance} has sections and no file`;
    }
    if (files.has(file)) return `the part file '${file}' is named twice`;
    if (!SHA256.test(sha256)) return `the part file '${file}' has no SHA-256`;
    files.add(file);
  }
  return undefined;
}

function chainProblem(manifest: Manifest, part: PartDescriptor): string | undefined {
  if (part.earlier !== undefined && manifest.format === 1) {
    return `the part file '${part.file}' has earlier ones, which format 1 does not know`;
  }
  for (const section of part.sections) {
    if (chainOf(part, section) !== undefined) continue;
    return `section '${section.name}' of operator '${section.operator}' in '${part.file}' builds on a file that is not named`;
  }
  return undefined;
}

/** Names of all files that a manifest needs. */
export function filesNamed(manifest: Manifest): ReadonlySet<string> {
  return new Set(manifest.parts.flatMap((part) => filesOf(part).map(({ file }) => file)));
}

/** Throws a TypeError for a manifest that could not be read again. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const problem = manifestProblem(manifest);
  if (problem !== undefined) throw new TypeError(problem);
  return seal('manifest', manifest);
}

/** Throws ERR_HOLDFAST_CHECKPOINT_CORRUPT or …_FORMAT; `file` is for messages. */
export function decodeManifest(bytes: Uint8Array, file: string): Manifest {
  const value = unseal('manifest', bytes, file);
  const problem = manifestProblem(value);
  if (problem !== undefined) throw formatError(file, problem);
  return value as Manifest;
}

export function encodeFinished(mark: FinishedMark): Uint8Array {
  return seal('finished', mark);
}

/** Throws ERR_HOLDFAST_CHECKPOINT_CORRUPT or …_FORMAT; `file` is for messages. */
export function decodeFinished(bytes: Uint8Array, file: string): FinishedMark {
  const value = unseal('finished', bytes, file);
  const problem = finishedShape(value) ?? finishedCheckpointProblem(value as FinishedMark);
  if (problem !== undefined) throw formatError(file, `the finished mark's ${problem}`);
  const { run, checkpoint, result } = value as FinishedMark;
  return { run, checkpoint, result };
}

function finishedCheckpointProblem({ checkpoint }: FinishedMark): string | undefined {
  if (checkpoint === undefined || positive(checkpoint) === undefined) return undefined;
  return `checkpoint is ${describeValue(checkpoint)}; it should be a whole number from 1`;
}
