/** `holdfast checkpoints DIR --history`: tells what the checkpoints of a directory have cost. */

import { inspectStatistics } from '../checkpoint/directory/statistics-file.js';
import { type CheckpointStatistics, summaryOf } from '../checkpoint/statistics.js';
import type { Console } from '../terminal/console.js';
import { linesOf, type Showable } from '../terminal/escape.js';
import { formatBytes, formatCount, formatMs } from '../terminal/format.js';
import { jsonLine } from '../terminal/json-line.js';
import { formatTable } from '../terminal/table.js';
import type { CheckpointsCommand } from './arguments.js';
import { isoTime } from './checkpoint-contents.js';
import { EXIT_FAILED, EXIT_FINISHED } from './exit-codes.js';

/**
 * With `--show N` the tasks of checkpoint N, otherwise all checkpoints, newest first.
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_DIRECTORY when there is no such directory
 */
export async function historyCommand(
  command: CheckpointsCommand,
  console: Console,
): Promise<number> {
  const { directory, show } = command;
  const record = await inspectStatistics(directory);
  const all = [...(record?.history ?? [])].reverse();
  const history = all.filter(({ checkpoint }) => show === undefined || checkpoint === show);
  if (command.output === 'json') {
    for (const each of history) console.write(jsonLine({ event: 'checkpoint', ...each }));
    const { run, completed = 0, failed = 0 } = record ?? {};
    const summary = summaryOf(all);
    console.write(jsonLine({ event: 'history', directory, run, completed, failed, summary }));
  } else if (history.length === 0) {
    const what = show === undefined ? 'no statistics' : `no statistics of checkpoint ${show}`;
    console.write(
      `${directory} holds ${what}. A job writes them every few seconds, and at its end.`,
    );
  } else {
    const lines = show === undefined ? historyLines(history) : tasksLines(history[0]!);
    for (const line of lines) console.write(line);
  }
  return show !== undefined && history.length === 0 ? EXIT_FAILED : EXIT_FINISHED;
}

function historyLines(history: readonly CheckpointStatistics[]): readonly Showable[] {
  const table = formatTable(
    [
      { title: 'checkpoint', align: 'right' },
      { title: 'kind' },
      { title: 'triggered' },
      { title: 'duration', align: 'right' },
      { title: 'start delay', align: 'right' },
      { title: 'alignment', align: 'right' },
      { title: 'capture', align: 'right' },
      { title: 'write', align: 'right' },
      { title: 'commit', align: 'right' },
      { title: 'full', align: 'right' },
      { title: 'changes', align: 'right' },
      { title: 'status' },
    ],
    history.map((each) => {
      const { phases } = each;
      return [
        String(each.checkpoint),
        each.kind,
        isoTime(each.triggeredAtMs),
        formatMs(each.durationMs),
        longest(phases?.startDelayMs.max),
        longest(phases?.alignMs.max),
        longest(phases?.captureMs.max),
        longest(phases?.writeMs.max),
        each.status === 'completed' ? formatMs(each.commitMs) : '',
        formatBytes(each.fullBytes),
        formatBytes(each.deltaBytes),
        each.status,
      ];
    }),
  );
  const summary = summaryOf(history);
  if (summary === undefined) return table;
  const { count, durationMs, alignMs, bytes } = summary;
  const times = ({ p50, p95, p99, max }: typeof durationMs) =>
    `p50 ${formatMs(p50)}, p95 ${formatMs(p95)}, p99 ${formatMs(p99)}, at most ${formatMs(max)}`;
  return [
    ...table,
    '',
    `Times of phases are those of the slowest task. Of ${formatCount(count)} completed:`,
    `  duration   ${times(durationMs)}`,
    `  alignment  ${times(alignMs)}`,
    `  written    ${formatBytes(bytes.average)} on average, at most ${formatBytes(bytes.max)}`,
  ];
}

function tasksLines(of: CheckpointStatistics): readonly Showable[] {
  const { tasksAcknowledged, tasksTotal } = of;
  const lines: Showable[] = [
    `checkpoint ${of.checkpoint} (${of.kind}), ${isoTime(of.triggeredAtMs)}: ${of.status} after ${formatMs(of.durationMs)}; ${tasksAcknowledged} of ${tasksTotal} tasks answered`,
  ];
  if (of.failure !== undefined) lines.push(...linesOf(of.failure.message));
  if (of.tasks.length === 0) return lines;
  const table = formatTable(
    [
      { title: 'task' },
      { title: 'start delay', align: 'right' },
      { title: 'alignment', align: 'right' },
      { title: 'cut', align: 'right' },
      { title: 'capture', align: 'right' },
      { title: 'write', align: 'right' },
      { title: 'acknowledged', align: 'right' },
      { title: 'full', align: 'right' },
      { title: 'changes', align: 'right' },
      { title: 'in flight', align: 'right' },
    ],
    of.tasks.map((task) => [
      `${task.vertex}#${task.instance}`,
      formatMs(task.startDelayMs),
      task.overtaken ? `${formatMs(task.alignMs)}, overtaken` : formatMs(task.alignMs),
      formatMs(task.cutMs),
      formatMs(task.captureMs),
      formatMs(task.writeMs),
      formatMs(task.acknowledgeMs),
      formatBytes(task.fullBytes),
      formatBytes(task.deltaBytes),
      formatBytes(task.inFlightBytes),
    ]),
  );
  return [...lines, '', ...table];
}

function longest(ms: number | undefined): string {
  return ms === undefined ? '' : formatMs(ms);
}
