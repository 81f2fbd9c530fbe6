/** `holdfast checkpoints`: what a directory holds, and whether it is sound. Takes no lock, changes nothing. */

import {
  type DirectoryReport,
  type FoundDamage,
  type InspectedCheckpoint,
  inspectDirectory,
} from '../checkpoint/inspect-directory.js';
import type { CheckpointsCommand } from './arguments.js';
import type { Console } from './console.js';
import { EXIT_FAILED, EXIT_FINISHED } from './exit-codes.js';
import { formatBytes, formatCount } from './format.js';
import { jsonLine } from './json-line.js';
import { formatTable } from './table.js';

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_DIRECTORY when there is no such directory */
export async function checkpointsCommand(
  command: CheckpointsCommand,
  console: Console,
): Promise<number> {
  const report = await inspectDirectory(command.directory, {
    verify: command.verify,
    nowMs: Date.now(),
  });
  const lines = command.output === 'json' ? jsonLinesOf(report) : linesOf(report);
  for (const line of lines) console.write(line);
  return allDamage(report).length > 0 ? EXIT_FAILED : EXIT_FINISHED;
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
    },
  ].map(jsonLine);
}

function linesOf(report: DirectoryReport): readonly string[] {
  const { directory, checkpoints, damaged, lock, finished, unnamedParts } = report;
  const lines: string[] = [];
  if (checkpoints.length + damaged.length === 0) lines.push(`${directory} holds no checkpoint.`);
  else lines.push(...tableOf(report));
  for (const { message } of allDamage(report)) lines.push('', message);
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

function tableOf({ checkpoints, damaged, verified }: DirectoryReport): readonly string[] {
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
    new Date(found.createdAtMs).toISOString().replace('T', ' ').slice(0, 19),
    found.job,
    formatCount(found.sourceRecords),
    String(found.parts),
    formatBytes(found.bytes),
    found.damage.length === 0 ? sound : 'NOT SOUND',
  ];
}
