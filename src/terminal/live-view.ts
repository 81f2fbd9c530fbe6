/** Draws a `JobView` as lines for a terminal. Pure. */

import type { SlotInfo } from '../job/job-types.js';
import type { Colors } from './colors.js';
import { padEnd } from './columns.js';
import { countedByOperator, timeHolders } from './describe-event.js';
import { type Shown, shown } from './escape.js';
import { formatBytes, formatCount, formatMs, formatRate } from './format.js';
import type { JobView, Mishap } from './job-view.js';

const BARS = '▁▂▃▄▅▆▇█';

export function drawJob(view: JobView, nowMs: number, colors: Colors): readonly Shown[] {
  return [
    headLine(view, nowMs, colors),
    recordsLine(view, colors),
    ...(view.hasStored || view.checkpointsFailed > 0 ? [checkpointLine(view, nowMs, colors)] : []),
    ...countedByOperator(view.metrics?.operators ?? []).map(
      (line) => shown`${label('left out', colors)}${colors.yellow(line)}`,
    ),
    ...(isOver(view) ? [] : timeHolders(view.metrics?.operators ?? [])).map(
      (line) => shown`${label('time', colors)}${colors.yellow(line)}`,
    ),
    // The threads of an ended job are gone, which is no news.
    ...(isOver(view) ? [] : view.slots.map((slot) => slotLine(slot, colors))),
    ...(view.mishaps.length === 0 ? [] : [shown``]),
    ...view.mishaps.map((mishap) => mishapLine(mishap, view, nowMs, colors)),
  ];
}

function isOver({ status }: JobView): boolean {
  return ['finished', 'stopped', 'canceled', 'failed'].includes(status);
}

function headLine(view: JobView, nowMs: number, colors: Colors): Shown {
  const paint = {
    starting: colors.yellow,
    running: colors.green,
    restarting: colors.red,
    finishing: colors.green,
    stopping: colors.yellow,
    finished: colors.green,
    stopped: colors.yellow,
    canceled: colors.yellow,
    failed: colors.red,
  }[view.status];
  const pid = view.pid === undefined ? '' : `  process ${view.pid}`;
  const since = formatMs(nowMs - view.startedMs);
  return shown`${colors.bold(view.name)}  ${paint(view.status)}  ${since}${colors.dim(`${pid}  run ${view.run}`)}`;
}

function recordsLine(view: JobView, colors: Colors): Shown {
  const { sourceRecords, sinkRecords } = view.progress;
  const most = Math.max(1, ...view.rates);
  const curve = view.rates
    .map((rate) => BARS[Math.min(BARS.length - 1, Math.floor((rate / most) * BARS.length))])
    .join('');
  const counts = `${formatCount(sourceRecords)} in, ${formatCount(sinkRecords)} out`;
  return shown`${label('records', colors)}${counts}, ${formatRate(view.rate)}/s  ${colors.cyan(curve)}`;
}

function checkpointLine(view: JobView, nowMs: number, colors: Colors): Shown {
  const head = label('checkpoint', colors);
  const failed =
    view.checkpointsFailed === 0 ? '' : colors.dim(`, ${view.checkpointsFailed} given up`);
  const last = view.checkpoint;
  if (last === undefined || last.event.kind !== 'completed') return shown`${head}none yet${failed}`;
  const { checkpoint, durationMs, bytes } = last.event;
  const ago = formatMs(nowMs - last.atMs);
  return shown`${head}${checkpoint} in ${formatMs(durationMs)}, ${formatBytes(bytes)}, ${ago} ago${failed}`;
}

function slotLine(slot: SlotInfo, colors: Colors): Shown {
  const paint = {
    starting: colors.yellow,
    alive: colors.green,
    idle: colors.dim,
    busy: colors.green,
    suspect: colors.yellow,
    hung: colors.red,
    dead: colors.red,
  }[slot.verdict];
  const restarts =
    slot.restarts === 0
      ? ''
      : `, restarted ${slot.restarts === 1 ? 'once' : `${slot.restarts} times`}`;
  const beat = `beat ${formatMs(slot.lastBeatAgoMs)} ago, heap ${formatBytes(slot.heapUsedBytes)}`;
  const head = label(`slot ${slot.slot}`, colors);
  return shown`${head}${paint('●')} ${paint(slot.verdict.padEnd(8))} ${beat}${restarts}`;
}

function mishapLine(mishap: Mishap, view: JobView, nowMs: number, colors: Colors): Shown {
  const at = formatMs(mishap.atMs - view.startedMs).padStart(8);
  const what = shown`${colors.dim(at)}  ${padEnd(mishap.what, 8)} ${padEnd(mishap.cause, 14)}`;
  const { recovery } = mishap;
  if (recovery === undefined) {
    return shown`${what} ${colors.yellow(`recovering for ${formatMs(nowMs - mishap.atMs)}`)}`;
  }
  const { detectMs, recoverMs, checkpoint, replayed } = recovery;
  const from = checkpoint === undefined ? 'the beginning' : `checkpoint ${checkpoint}`;
  const details = `(found in ${formatMs(detectMs)}) from ${from}, ${formatCount(replayed)} replayed`;
  return shown`${what} ${colors.green('recovered')} in ${formatMs(recoverMs)} ${colors.dim(details)}`;
}

function label(text: string, colors: Colors): Shown {
  return colors.dim(padEnd(text, 12));
}
