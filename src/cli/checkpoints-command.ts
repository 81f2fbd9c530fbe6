/**
 * `holdfast checkpoints`: tells what a directory or a bucket holds, and whether it is sound. Takes no lock and changes
 * nothing.
 */

import { isS3Place, s3ConnectionAt } from '../checkpoint/checkpoint-place.js';
import { openCheckpoint } from '../checkpoint/inspect/inspect-checkpoint.js';
import {
  type DirectoryReport,
  type FoundDamage,
  type InspectedCheckpoint,
  inspectDirectory,
} from '../checkpoint/inspect/inspect-directory.js';
import {
  inspectObjectStore,
  openObjectCheckpoint,
} from '../checkpoint/inspect/inspect-object-store.js';
import { type WayOn, wayOn } from '../checkpoint/way-on.js';
import type { Console } from '../terminal/console.js';
import { linesOf, type Showable } from '../terminal/escape.js';
import { formatBytes, formatCount, formatMs } from '../terminal/format.js';
import { jsonLine } from '../terminal/json-line.js';
import { formatTable } from '../terminal/table.js';
import type { CheckpointsCommand } from './arguments.js';
import { affectedText, contentsLines, contentsOf, isoTime } from './checkpoint-contents.js';
import { historyCommand } from './checkpoint-history.js';
import { EXIT_FAILED, EXIT_FINISHED } from './exit-codes.js';
import { useS3Flags } from './s3-flags.js';

/**
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_DIRECTORY when there is no such directory, …_STORE when a
 *   service does not answer as it should; with `show` also …_NOT_FOUND when there is no such checkpoint, …_CORRUPT or
 *   …_FORMAT when its manifest cannot be read
 */
export async function checkpointsCommand(
  command: CheckpointsCommand,
  console: Console,
): Promise<number> {
  useS3Flags(command);
  if (command.history) return await historyCommand(command, console);
  if (command.show !== undefined) return await show(command, command.show, console);
  const how = { verify: command.verify, nowMs: Date.now() };
  const report = isS3Place(command.directory)
    ? await inspectObjectStore(s3ConnectionAt(command.directory), how)
    : await inspectDirectory(command.directory, how);
  const lines = command.output === 'json' ? jsonLinesOf(report) : reportLines(report);
  for (const line of lines) console.write(line);
  return allDamage(report).length > 0 ? EXIT_FAILED : EXIT_FINISHED;
}

async function show(
  command: CheckpointsCommand,
  checkpoint: number,
  console: Console,
): Promise<number> {
  const opened = isS3Place(command.directory)
    ? await openObjectCheckpoint(s3ConnectionAt(command.directory), checkpoint)
    : await openCheckpoint(command.directory, checkpoint);
  const contents = await contentsOf(opened, Date.now());
  if (command.output === 'json') console.write(jsonLine({ event: 'contents', ...contents }));
  else {
    for (const line of contentsLines(contents)) console.write(line);
    for (const line of damageLines(contents.damage)) console.write(line);
  }
  return contents.sound ? EXIT_FINISHED : EXIT_FAILED;
}

function damageLines(damage: readonly FoundDamage[]): readonly Showable[] {
  return damage.flatMap((each) => {
    const affected = affectedText(each);
    return ['', ...linesOf(each.message), ...(affected === undefined ? [] : [affected])];
  });
}

/** Says how a run gets past the damage. */
function wayOnLines(way: WayOn | undefined, { directory, finished }: DirectoryReport): string[] {
  if (way === undefined) return [];
  if (finished !== undefined) {
    return ['', 'No run needs these checkpoints any more: the run has finished.'];
  }
  const restore = (what: string | number) =>
    `  holdfast run JOB --checkpoints ${quoted(directory)} --restore ${what}`;
  switch (way.kind) {
    case 'latest':
      return [
        '',
        `Checkpoint ${way.checkpoint}, the newest, is whole: a run goes on from it as ever.`,
      ];
    case 'older': {
      const { checkpoint, damaged, laterMs, records } = way;
      const cost =
        laterMs === undefined || records === undefined
          ? ''
          : ` It was taken ${formatMs(laterMs)} earlier: ${formatCount(records)} more records are read again.`;
      return [
        '',
        `A run stops at checkpoint ${damaged[0]}. Restore the damaged files from a copy, or go on from`,
        `checkpoint ${checkpoint}, the newest that is whole.${cost}`,
        restore(checkpoint),
        `That run forgets all checkpoints above ${checkpoint}. What sinks have published since then must go first:`,
        "ndjsonFiles names such files, and removes them when it is given { onRewind: 'remove' }.",
      ];
    }
    case 'none':
      return [
        '',
        'No checkpoint is whole. Restore the damaged files from a copy, or start afresh:',
        restore('none'),
      ];
  }
}

function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function allDamage(report: DirectoryReport): readonly FoundDamage[] {
  const { checkpoints, damaged, damage } = report;
  return [...[...checkpoints, ...damaged].flatMap((each) => each.damage), ...damage];
}

function jsonLinesOf(report: DirectoryReport): readonly string[] {
  const { verified } = report;
  const soundness = (damage: readonly FoundDamage[]) => ({ sound: damage.length === 0, verified });
  const byId = [...report.checkpoints, ...report.damaged].sort(
    (a, b) => b.checkpoint - a.checkpoint,
  );
  return [
    ...byId.map((each) => ({ event: 'checkpoint', ...each, ...soundness(each.damage) })),
    ...(report.finished === undefined ? [] : [{ event: 'finished', ...report.finished }]),
    {
      event: 'directory',
      directory: report.directory,
      lock: report.lock,
      damage: report.damage,
      unnamedParts: report.unnamedParts,
      ...(verified ? { wayOn: wayOn(report) } : {}),
    },
  ].map(jsonLine);
}

function reportLines(report: DirectoryReport): readonly Showable[] {
  const { directory, checkpoints, damaged, lock, finished, unnamedParts } = report;
  const lines: Showable[] = [];
  if (checkpoints.length + damaged.length === 0) lines.push(`${directory} holds no checkpoint.`);
  else lines.push(...tableOf(report));
  lines.push(...damageLines(allDamage(report)));
  if (report.verified) lines.push(...wayOnLines(wayOn(report), report));
  else if (allDamage(report).length > 0) {
    lines.push('', `What to do: holdfast checkpoints ${quoted(directory)} --verify`);
  }
  if (lock !== undefined)
    lines.push('', `locked by process ${lock.pid} on ${lock.host} (${lock.state})`);
  if (unnamedParts > 0) {
    lines.push(
      '',
      `${unnamedParts} part files belong to no checkpoint: one on its way, or given up`,
    );
  }
  if (finished !== undefined) lines.push('', `The run ${finished.run} has finished.`);
  return lines;
}

function tableOf({ checkpoints, damaged, verified }: DirectoryReport): readonly Showable[] {
  const columns = [
    { title: 'checkpoint', align: 'right' },
    { title: 'taken' },
    { title: 'job' },
    { title: 'records', align: 'right' },
    { title: 'parts', align: 'right' },
    { title: 'size', align: 'right' },
    { title: verified ? 'verified' : 'manifest' },
  ] as const;
  const rows = [
    ...checkpoints.map((each) => ({ id: each.checkpoint, cells: cellsOf(each) })),
    ...damaged.map(({ checkpoint }) => ({
      id: checkpoint,
      cells: [String(checkpoint), '', '', '', '', '', 'NOT SOUND'],
    })),
  ].sort((a, b) => b.id - a.id);
  return formatTable(
    columns,
    rows.map(({ cells }) => cells),
  );
}

function cellsOf(found: InspectedCheckpoint): readonly string[] {
  const sound = found.final ? 'sound, the last' : 'sound';
  return [
    String(found.checkpoint),
    isoTime(found.createdAtMs),
    found.job,
    formatCount(found.sourceRecords),
    String(found.parts),
    formatBytes(found.bytes),
    found.damage.length === 0 ? sound : 'NOT SOUND',
  ];
}
