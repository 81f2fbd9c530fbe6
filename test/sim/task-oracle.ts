/**
 * What must hold of every task, at every element that it takes.
 *
 *  I4   A channel is first in, first out: the records of a split keep their order on it, and its barriers
 *       grow.
 *  I5   Nothing from behind barrier n is taken before the task has taken its part of n, unless n has been
 *       given up.
 *  I23  The time that a channel tells never goes back.
 */

import type { Element, InputChannel } from '../../src/channels/element.js';
import { localChannel } from '../../src/channels/local-channel.js';
import { RingInput } from '../../src/channels/ring-channel.js';
import { Task } from '../../src/stream/task/task.js';
import { TaskCheckpoints } from '../../src/stream/task/task-checkpoints.js';
import { TaskSnapshots } from '../../src/stream/task/task-snapshots.js';
import { allOf, patch } from './patch.js';
import { COPIES_MAX, type SimRecord } from './topology.js';

interface ChannelWatch {
  barrier: number;
  watermarkMs: number;
  /** By source and split: the newest record. */
  readonly newest: Map<string, number>;
}

interface TaskWatch {
  readonly channels: Map<object, ChannelWatch>;
  /** Greatest barrier on any channel. */
  barrier: number;
  /** Greatest checkpoint that is behind the task: taken, passed on, or given up. */
  passed: number;
}

/**
 * Looks on until what it returns is called.
 * @param isOrdered of a pipeline: are the records of a split all on one way? Dealt ones have no order
 */
export function watchTasks(
  isOrdered: (pipeline: number) => boolean,
  violated: (what: string) => void,
): () => void {
  const tasks = new WeakMap<Task, TaskWatch>();
  let current: { readonly task: Task; readonly watch: TaskWatch } | undefined;

  const within = <R>(task: Task, act: () => R): R => {
    const before = current;
    const known = tasks.get(task);
    const watch = known ?? {
      channels: new Map(),
      barrier: 0,
      passed: 0,
    };
    if (known === undefined) tasks.set(task, watch);
    current = { task, watch };
    try {
      return act();
    } finally {
      current = before;
    }
  };

  const taken = (channel: object, element: Element): void => {
    if (current === undefined) return;
    const { task, watch } = current;
    const known = watch.channels.get(channel);
    const of = known ?? {
      barrier: 0,
      watermarkMs: Number.NEGATIVE_INFINITY,
      newest: new Map<string, number>(),
    };
    if (known === undefined) watch.channels.set(channel, of);
    // A newer barrier on another channel tells that this one's was given up.
    const isPast = of.barrier <= Math.max(watch.passed, watch.barrier - 1);
    if (element.kind !== 'barrier' && !isPast) {
      violated(`I5: ${task.name} takes a ${element.kind} from behind barrier ${of.barrier}`);
    }
    switch (element.kind) {
      case 'barrier':
        if (element.checkpoint <= of.barrier) {
          violated(`I4: ${task.name}: barrier ${element.checkpoint} behind ${of.barrier}`);
        }
        of.barrier = Math.max(of.barrier, element.checkpoint);
        watch.barrier = Math.max(watch.barrier, of.barrier);
        return;
      case 'watermark':
        if (element.timeMs < of.watermarkMs) {
          violated(
            `I23: ${task.name}: a channel went back from ${of.watermarkMs} to ${element.timeMs}`,
          );
        }
        of.watermarkMs = element.timeMs;
        return;
      case 'batch':
        for (let at = 0; at < element.count; at += 1) checkOrder(task, of, element.records[at]);
    }
  };

  const checkOrder = (task: Task, { newest }: ChannelWatch, record: unknown): void => {
    if (!isSimRecord(record) || !isOrdered(pipelineOf(task.name))) return;
    const { s, p, i, c } = record;
    const split = `${s}.${p}`;
    const number = i * COPIES_MAX + c;
    const before = newest.get(split);
    if (before !== undefined && number <= before) {
      violated(`I4: ${task.name}: record ${i}.${c} of split ${split} is behind a later one`);
    }
    newest.set(split, number);
  };

  const undo = [
    patch(Task.prototype, 'run', (original) => {
      return function (this: Task, deadline) {
        return within(this, () => original.call(this, deadline));
      };
    }),
    patch(Task.prototype, 'receive', (original) => {
      return function (this: Task, message) {
        return within(this, () => {
          const { watch } = current!;
          if (message.kind === 'abort') watch.passed = Math.max(watch.passed, message.checkpoint);
          return original.call(this, message);
        });
      };
    }),
    patch(TaskSnapshots.prototype, 'begin', (original) => {
      return function (this: TaskSnapshots, checkpoint, part) {
        if (current !== undefined) {
          current.watch.passed = Math.max(current.watch.passed, checkpoint);
        }
        original.call(this, checkpoint, part);
      };
    }),
    patch(TaskCheckpoints.prototype, 'take', (original) => {
      return function (this: TaskCheckpoints, due, ...rest) {
        // The restored checkpoint's barrier, once more: nothing is taken for it.
        if (due.kind === 'replayed' && current !== undefined) {
          current.watch.passed = Math.max(current.watch.passed, due.checkpoint);
        }
        original.call(this, due, ...rest);
      };
    }),
    ...[RingInput.prototype, localInput].map((prototype) =>
      patch(prototype, 'take', (original) => {
        return function (this: InputChannel) {
          const element = original.call(this);
          if (element !== undefined) taken(this, element);
          return element;
        };
      }),
    ),
  ];
  return allOf(undo);
}

/** The class of channels within a thread has no name outside. */
const localInput = Object.getPrototypeOf(
  localChannel({ capacityRecords: 1, gate: { closed: false, pause: false } as never }).input,
) as InputChannel;

/** `p2-keyed/0` is of number 2. */
const pipelineOf = (task: string): number => Number.parseInt(task.slice(1), 10);

function isSimRecord(record: unknown): record is SimRecord {
  return typeof record === 'object' && record !== null && 's' in record && 'pad' in record;
}
