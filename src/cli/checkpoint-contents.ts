/** Tells what is inside one checkpoint, for people and for programs. */

import { isHoldfastError } from '../base/errors.js';
import type { OpenedCheckpoint } from '../checkpoint/inspect/inspect-checkpoint.js';
import type { FoundDamage } from '../checkpoint/inspect/inspect-directory.js';
import { filesOf } from '../checkpoint/parts/part-chain.js';
import type { PartDescriptor, RestoredPartSection } from '../checkpoint/store.js';
import { rowsIn } from '../stream/state/row-section.js';
import { splitsIn } from '../stream/task/source-splits.js';
import type { Showable } from '../terminal/escape.js';
import { formatBytes, formatCount, formatMs } from '../terminal/format.js';
import { formatTable } from '../terminal/table.js';

export interface OperatorContents {
  readonly id: string;
  readonly type: string;
  readonly stateful: boolean;
  readonly parallelism: number;
  readonly bytes: number;
  /** Number of rows of numeric state, one per key (and window); undefined where it would take decoding. */
  readonly rows: number | undefined;
  /** Summed over the instances. */
  readonly sections: readonly { readonly name: string; readonly bytes: number }[];
}

export interface SourceContents {
  readonly operator: string;
  readonly instance: number;
  readonly split: string;
  /** Position of the next record; undefined at the split's start. */
  readonly position: unknown;
  readonly finished: boolean;
}

export interface CheckpointContents {
  readonly checkpoint: number;
  readonly sound: boolean;
  readonly job: string;
  readonly run: string;
  readonly epoch: number;
  readonly createdAtMs: number;
  readonly ageMs: number;
  readonly final: boolean;
  readonly mode: string;
  readonly keyGroups: number;
  readonly holdfast: string;
  readonly node: string;
  /** Bytes of manifest and parts, as they are stored. */
  readonly bytes: number;
  /** Bytes of what the parts hold; more than `bytes` where they are compressed. */
  readonly contentBytes: number;
  readonly manifestFile: string;
  readonly operators: readonly OperatorContents[];
  /** Number of records that each instance of a source had emitted. */
  readonly sourceRecords: Readonly<Record<string, number>>;
  readonly positions: readonly SourceContents[];
  readonly transactions: readonly {
    readonly operator: string;
    readonly instance: number;
    readonly transaction: Readonly<Record<string, unknown>>;
  }[];
  readonly parts: readonly PartDescriptor[];
  readonly damage: readonly FoundDamage[];
}

/** Reads every part, one at a time. */
export async function contentsOf(
  opened: OpenedCheckpoint,
  nowMs: number,
): Promise<CheckpointContents> {
  const { manifest } = opened;
  const rows = new Map<string, number>();
  const positions: SourceContents[] = [];
  const damage: FoundDamage[] = [];
  for (const part of manifest.parts) {
    // The files that the part builds on have to be whole as well.
    for (const file of part.earlier ?? []) {
      const read = await opened.read(file);
      if (!Array.isArray(read)) damage.push(read as FoundDamage);
    }
    const read = await opened.read(part);
    if (!Array.isArray(read)) {
      damage.push(read as FoundDamage);
      continue;
    }
    for (const section of read as readonly RestoredPartSection[]) {
      const { operator, name, bytes } = section;
      const found = told(() => rowsIn(bytes));
      if (found !== undefined) rows.set(operator, (rows.get(operator) ?? 0) + found);
      const isSource = `${operator}/${part.instance}` in manifest.sourceRecords;
      for (const { split, position, finished } of isSource
        ? (told(() => splitsIn(name, bytes)) ?? [])
        : []) {
        positions.push({ operator, instance: part.instance, split: split.id, position, finished });
      }
    }
  }
  const stored = manifest.parts.flatMap(filesOf);
  const sections = stored.flatMap((file) => file.sections);
  return {
    checkpoint: manifest.checkpoint,
    sound: damage.length === 0,
    job: manifest.job,
    run: manifest.run,
    epoch: manifest.epoch,
    createdAtMs: manifest.createdAtMs,
    ageMs: nowMs - manifest.createdAtMs,
    final: manifest.final,
    mode: manifest.mode,
    keyGroups: manifest.keyGroups,
    holdfast: manifest.holdfast,
    node: manifest.node,
    contentBytes: sections.reduce((sum, { bytes }) => sum + bytes, 0),
    bytes: opened.manifestBytes + stored.reduce((sum, part) => sum + part.bytes, 0),
    manifestFile: opened.manifestFile,
    operators: manifest.operators.map(({ id, type, stateful, parallelism }) => {
      const own = new Map<string, number>();
      for (const { operator, name, bytes } of sections) {
        if (operator === id) own.set(name, (own.get(name) ?? 0) + bytes);
      }
      return {
        id,
        type,
        stateful,
        parallelism,
        bytes: [...own.values()].reduce((sum, bytes) => sum + bytes, 0),
        rows: rows.get(id),
        sections: [...own].map(([name, bytes]) => ({ name, bytes })),
      };
    }),
    sourceRecords: manifest.sourceRecords,
    positions,
    transactions: manifest.transactions,
    parts: manifest.parts,
    damage,
  };
}

export function contentsLines(contents: CheckpointContents): readonly Showable[] {
  const { checkpoint, job, operators, positions, transactions, damage } = contents;
  const compressions = new Set(
    contents.parts.flatMap(filesOf).flatMap(({ compression }) => compression ?? []),
  );
  const packed =
    compressions.size === 0
      ? ''
      : `, with ${[...compressions].join(' and ')} from ${formatBytes(contents.contentBytes)}`;
  const taken = `${isoTime(contents.createdAtMs)}, ${formatMs(Math.max(0, contents.ageMs))} ago`;
  const lines: Showable[] = [
    `checkpoint ${checkpoint} of job '${job}': ${damage.length === 0 ? 'sound' : 'NOT SOUND'}${contents.final ? ', the last of its run' : ''}`,
    `taken ${taken}; ${formatBytes(contents.bytes)} in ${contents.parts.flatMap(filesOf).length} parts${packed}`,
    `run ${contents.run}, epoch ${contents.epoch}, ${contents.mode}, ${formatCount(contents.keyGroups)} key groups`,
    `written by Holdfast ${contents.holdfast} on Node ${contents.node}`,
    '',
    ...formatTable(
      [
        { title: 'operator' },
        { title: 'type' },
        { title: 'instances', align: 'right' },
        { title: 'rows', align: 'right' },
        { title: 'size', align: 'right' },
        { title: 'sections' },
      ],
      operators.map((each) => [
        each.id,
        each.type,
        String(each.parallelism),
        each.rows === undefined ? '' : formatCount(each.rows),
        each.bytes === 0 ? '' : formatBytes(each.bytes),
        each.sections.map(({ name, bytes }) => `${name} ${formatBytes(bytes)}`).join(', '),
      ]),
    ),
  ];
  const records = Object.entries(contents.sourceRecords);
  if (records.length > 0) {
    lines.push(
      '',
      ...formatTable(
        [{ title: 'source' }, { title: 'records emitted', align: 'right' }],
        records.map(([source, count]) => [source, formatCount(count)]),
      ),
    );
  }
  if (positions.length > 0) {
    lines.push(
      '',
      ...formatTable(
        [{ title: 'split' }, { title: 'read by' }, { title: 'next record' }],
        positions.map((each) => [
          each.split,
          `${each.operator}/${each.instance}`,
          each.finished ? 'none: at its end' : positionText(each.position),
        ]),
      ),
    );
  }
  if (transactions.length > 0) {
    lines.push(
      '',
      ...formatTable(
        [{ title: 'transaction of' }, { title: 'committed when this checkpoint is restored' }],
        transactions.map((each) => [
          `${each.operator}/${each.instance}`,
          JSON.stringify(each.transaction),
        ]),
      ),
    );
  }
  return lines;
}

/** Says whose state a damaged part file holds. */
export function affectedText(damage: FoundDamage): string | undefined {
  const owners = new Map<string, string[]>();
  for (const { operator, instance, section, bytes } of damage.affects ?? []) {
    if (bytes === 0) continue;
    const owner = `operator ${operator}, instance ${instance}`;
    owners.set(owner, [...(owners.get(owner) ?? []), section]);
  }
  if (owners.size === 0) return undefined;
  const texts = [...owners].map(([owner, sections]) => `${owner} (${sections.join(', ')})`);
  return `It holds state of ${texts.join('; of ')}.`;
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, 19);
}

function positionText(position: unknown): string {
  return position === undefined ? 'its first' : JSON.stringify(position);
}

/** Undefined for what another version of Holdfast has written, and this one cannot read. */
function told<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (isHoldfastError(error)) return undefined;
    throw error;
  }
}
