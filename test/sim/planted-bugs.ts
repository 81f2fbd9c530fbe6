/**
 * Mistakes, planted one at a time, that the simulator must find: they are the test of the oracles. Each
 * changes a real part for as long as a seed runs, or stands between two of them.
 */

import { join } from 'node:path';
import { positionOf, StoredFrames } from '../../src/channels/element-frames.js';
import { RingOutput } from '../../src/channels/ring-channel.js';
import { Aligner } from '../../src/checkpoint/aligner.js';
import { Coordinator } from '../../src/checkpoint/coordinator.js';
import type {
  FileSystem,
  OpenDirectory,
  OpenFile,
} from '../../src/checkpoint/directory/file-system.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { CheckpointDriver } from '../../src/job/checkpoints/checkpoint-driver.js';
import { SinkCommitter } from '../../src/job/checkpoints/sink-committer.js';
import { Progress } from '../../src/job/driver/progress.js';
import { BROADCAST_SECTION } from '../../src/stream/api/broadcast.js';
import type { Receiver, RestoredSection } from '../../src/stream/operator.js';
import { ChangeOutput } from '../../src/stream/operators/change-output.js';
import { KeyRun } from '../../src/stream/operators/key-run.js';
import { SessionQueue } from '../../src/stream/operators/session-queue.js';
import { ChangeLog } from '../../src/stream/state/change-log.js';
import { IN_FLIGHT_SECTION } from '../../src/stream/state/in-flight-section.js';
import { KeyedState } from '../../src/stream/state/keyed-state.js';
import {
  decodeChannel,
  encodeChannel,
  parseChannelSection,
} from '../../src/stream/task/channel-state.js';
import { GuardedOperator } from '../../src/stream/task/guarded-operator.js';
import { ObservedSplits } from '../../src/stream/task/observed-splits.js';
import { SinkTail } from '../../src/stream/task/sink-tail.js';
import { SourceAlignment } from '../../src/stream/task/source-alignment.js';
import { SplitReader } from '../../src/stream/task/split-reader.js';
import { SplitTimes } from '../../src/stream/task/split-times.js';
import { TaskInputs } from '../../src/stream/task/task-inputs.js';
import { TaskTurns } from '../../src/stream/task/task-turns.js';
import { FaultDetector } from '../../src/supervisor/fault-detector.js';
import { RestartBudget } from '../../src/supervisor/restart-budget.js';
import { Lease } from '../../src/threads/lease.js';
import type { DeploySpec } from '../../src/workloads/streams/stream-types.js';
import { OPERATOR_BUGS } from './operator-bugs.js';
import { allOf, patch, patchGetter } from './patch.js';
import type { PlantedBug } from './planted-bug.js';
import { Coin } from './sim-values.js';
import { WINDOW_MS } from './topology.js';
import { CHECKPOINTS } from './watched-store.js';

/** Everything as it is, but for syncs, which do nothing. */
function withoutSync(files: FileSystem, what: 'files' | 'directories'): FileSystem {
  const idle = async () => {};
  const file = (inner: OpenFile): OpenFile => (what === 'files' ? { ...inner, sync: idle } : inner);
  const directory = (inner: OpenDirectory): OpenDirectory =>
    what === 'directories' ? { ...inner, sync: idle } : inner;
  return {
    ...files,
    create: async (path) => file(await files.create(path)),
    openDirectory: async (path) => directory(await files.openDirectory(path)),
  };
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'an input is not held back while others are aligned',
    install: () =>
      patch(Aligner.prototype, 'handle', (original) => {
        return function (this: Aligner, event) {
          const commands = original.call(this, event);
          return commands.filter((command) => !(command.kind === 'block' && command.input === 0));
        };
      }),
  },
  {
    name: 'the manifest does not wait for the last part',
    install: () => {
      const waiting = new WeakMap<Coordinator, readonly string[]>();
      return patch(Coordinator.prototype, 'handle', (original) => {
        return function (this: Coordinator, event, now) {
          const commands = original.call(this, event, now);
          if (event.kind === 'started') waiting.set(this, event.tasks);
          if (event.kind !== 'acknowledged') return commands;
          const last = waiting.get(this)?.at(-1);
          if (last === undefined) return commands;
          return [...commands, ...original.call(this, { ...event, task: last, bytes: 0 }, now)];
        };
      });
    },
  },
  {
    name: 'files are not synced',
    files: (files) => withoutSync(files, 'files'),
  },
  {
    name: 'directories are not synced',
    files: (files) => withoutSync(files, 'directories'),
  },
  {
    name: 'what an old epoch tells is believed',
    deliver: (event, newest) =>
      'epoch' in event ? { ...event, epoch: newest(event.epoch) } : event,
  },
  {
    name: 'sinks commit before the checkpoint is complete',
    install: () => {
      let committer: SinkCommitter | undefined;
      const undo = [
        patch(SinkCommitter.prototype, 'recover', (original) => {
          return function (this: SinkCommitter, ...given) {
            committer = this;
            return original.apply(this, given);
          };
        }),
        patch(CheckpointDriver.prototype, 'captured', (original) => {
          return async function (this: CheckpointDriver, part) {
            await committer?.commit(part.checkpoint, part.transactions).catch(() => {});
            await original.call(this, part);
          };
        }),
      ];
      return allOf(undo);
    },
  },
  {
    name: 'sinks are not told of a checkpoint that was given up',
    install: () => patch(SinkTail.prototype, 'abort', () => () => {}),
  },
  {
    name: 'a failed checkpoint leaves alone those that are in flight with it',
    install: () =>
      patch(Coordinator.prototype, 'handle', (original) => {
        return function (this: Coordinator, event, now) {
          const commands = original.call(this, event, now);
          const oldest = commands.findLast(({ kind }) => kind === 'abort');
          return commands.filter((command) => command.kind !== 'abort' || command === oldest);
        };
      }),
  },
  {
    name: 'a restart does not commit what the manifest has promised',
    install: () => {
      const undo = [
        patch(SinkCommitter.prototype, 'recover', (original) => {
          return function (this: SinkCommitter, checkpoint, _transactions, ...rest) {
            return original.call(this, checkpoint, [], ...rest);
          };
        }),
        patch(SinkCommitter.prototype, 'recoverInWorkers', () => async () => {}),
      ];
      return allOf(undo);
    },
  },
  {
    name: 'leases are not revoked',
    install: () => patch(Lease.prototype, 'revoke', () => () => {}),
  },
  {
    name: 'a source begins one record too far',
    seek: (position) => position + 1,
  },
  {
    name: 'a barrier that has come on all inputs is forgotten',
    install: () => {
      const count = new WeakMap<TaskInputs, number>();
      return patch(TaskInputs.prototype, 'barrier', (original) => {
        return function (this: TaskInputs, checkpoint, now) {
          const aligned = original.call(this, checkpoint, now);
          if (aligned === undefined) return undefined;
          count.set(this, (count.get(this) ?? 0) + 1);
          return count.get(this) === 3 ? undefined : aligned;
        };
      });
    },
  },
  {
    name: 'the state of watermarks is not in snapshots',
    event: (event) =>
      event.kind === 'captured'
        ? { ...event, sections: event.sections.filter(({ name }) => !TIMES.includes(name)) }
        : event,
  },
  {
    name: 'the marks of records that are behind are lost in channel state',
    install: () =>
      patch(StoredFrames.prototype, 'decode', (original) => {
        return function (this: StoredFrames, frame) {
          const element = original.call(this, frame);
          return element.kind === 'batch' ? { ...element, behind: undefined } : element;
        };
      }),
  },
  {
    name: 'instances lose their class in channel state',
    install: () =>
      patch(StoredFrames.prototype, 'decode', (original) => {
        return function (this: StoredFrames, frame) {
          const element = original.call(this, frame);
          if (element.kind !== 'batch') return element;
          const records = element.records.map((record) => {
            const { x } = record as { readonly x?: unknown };
            return x instanceof Coin ? { ...(record as object), x: { ...x } } : record;
          });
          return { ...element, records };
        };
      }),
  },
  {
    name: 'a manifest that could not be written is believed',
    store: (store) => new Proxy(store, believing),
  },
  {
    name: 'a hung thread is never given up',
    install: () =>
      patch(FaultDetector.prototype, 'observe', (original) => {
        return function (this: FaultDetector, observation) {
          const verdict = original.call(this, observation);
          return verdict === 'hung' ? 'suspect' : verdict;
        };
      }),
  },
  {
    name: 'an epoch is given twice',
    store: (store) => {
      let epoch: Promise<number> | undefined;
      return new Proxy(store, {
        get(target, name) {
          if (name !== 'nextEpoch') return bound(target, name);
          return () => {
            epoch ??= target.nextEpoch();
            return epoch;
          };
        },
      });
    },
  },
  {
    name: 'what was in flight is not restored',
    deploy: (spec) => withSections(spec, (sections) => sections.filter(isNoChannel)),
  },
  {
    name: 'records whose calls are under way are not in snapshots',
    deploy: (spec) =>
      withSections(spec, (sections) => sections.filter(({ name }) => name !== IN_FLIGHT_SECTION)),
  },
  {
    name: 'the end of the input waits for no call',
    install: () => patchGetter(TaskTurns.prototype, 'pending', () => () => false),
  },
  {
    name: 'of what was in flight, the older half comes last',
    deploy: (spec) => withSections(spec, swapHalves),
  },
  {
    name: 'what was in flight to one side of an operator is restored to the other',
    deploy: (spec) => withSections(spec, (sections) => sections.map(toFirstPort)),
  },
  {
    name: 'records of both sides go to the first',
    install: () => patchGetter(TaskInputs.prototype, 'port', () => () => 0),
  },
  {
    name: 'broadcast state is lost at a rescale',
    deploy: (spec) => ({
      ...spec,
      restores: spec.restores.map((restore) => ({
        ...restore,
        operators: restore.operators.map((operator) => ({
          ...operator,
          sections: operator.sections.filter(
            ({ name, instance }) => name !== BROADCAST_SECTION || instance === restore.instance,
          ),
        })),
      })),
    }),
  },
  {
    name: 'changes of a checkpoint that was given up are forgotten',
    theme: 'changes',
    install: () =>
      patch(ChangeLog.prototype, 'cut', (original) => {
        return function (this: ChangeLog<unknown, unknown>, cut) {
          const found = original.call(this, cut);
          return found && { ...found, changes: cut.changes };
        };
      }),
  },
  {
    name: 'changes are left out when state is put together',
    deploy: (spec) =>
      withSections(spec, (sections) => sections.map((section) => ({ ...section, deltas: [] }))),
  },
  filesOfChainsDeleted(),
  {
    name: 'a budget of restarts is never spent',
    install: () =>
      patch(RestartBudget.prototype, 'answer', (original) => {
        return function (this: RestartBudget, now) {
          const answer = original.call(this, now);
          return answer.kind === 'restart'
            ? answer
            : { kind: 'restart', attempt: answer.attempts + 1, delayMs: 20 };
        };
      }),
  },
  {
    name: 'a budget of restarts is refilled by an empty checkpoint',
    install: () =>
      patch(Progress.prototype, 'completed', () => {
        return function (this: Progress, points) {
          return [0, 1, 2, 3].filter((group) =>
            points.some(({ region }) => this.regionsOf(group).includes(region)),
          );
        };
      }),
  },
  {
    name: 'time goes back in a channel',
    install: () =>
      patch(RingOutput.prototype, 'control', (original) => {
        return function (this: RingOutput, element) {
          const isBack = element.kind === 'watermark' && element.timeMs % 7 === 0;
          original.call(this, isBack ? { ...element, timeMs: element.timeMs - 40 } : element);
        };
      }),
  },
  {
    name: 'restored time is not said again',
    install: () => {
      const silent = new WeakSet<SplitTimes>();
      return allOf([
        patch(SplitTimes.prototype, 'restore', (original) => {
          return function (this: SplitTimes, sections) {
            original.call(this, sections);
            silent.add(this);
          };
        }),
        patch(SplitTimes.prototype, 'advance', (original) => {
          return function (this: SplitTimes) {
            silent.delete(this);
            return original.call(this);
          };
        }),
        patchGetter(SplitTimes.prototype, 'saidMs', (original) => {
          return function (this: SplitTimes) {
            return silent.has(this) ? Number.NEGATIVE_INFINITY : original.call(this);
          };
        }),
      ]);
    },
  },
  {
    name: 'time jumps to the latest split when all are idle',
    theme: 'times',
    install: () => {
      const added = new WeakMap<SplitTimes, Set<number>>();
      const jumped = new WeakMap<SplitTimes, number>();
      return allOf([
        patch(SplitTimes.prototype, 'add', (original) => {
          return function (this: SplitTimes, index, earliestMs) {
            original.call(this, index, earliestMs);
            added.set(this, (added.get(this) ?? new Set()).add(index));
          };
        }),
        patch(SplitTimes.prototype, 'finish', (original) => {
          return function (this: SplitTimes, index) {
            original.call(this, index);
            added.get(this)?.delete(index);
          };
        }),
        patch(SplitTimes.prototype, 'advance', (original) => {
          return function (this: SplitTimes) {
            const saidMs = Math.max(this.saidMs, jumped.get(this) ?? Number.NEGATIVE_INFINITY);
            let timeMs = original.call(this) ?? saidMs;
            for (const index of this.isIdle ? (added.get(this) ?? []) : []) {
              timeMs = Math.max(timeMs, this.ownMs(index));
            }
            if (timeMs <= saidMs) return undefined;
            jumped.set(this, timeMs);
            return timeMs;
          };
        }),
        patchGetter(SplitTimes.prototype, 'saidMs', (original) => {
          return function (this: SplitTimes) {
            return Math.max(original.call(this), jumped.get(this) ?? Number.NEGATIVE_INFINITY);
          };
        }),
      ]);
    },
  },
  {
    name: 'a bound on drift does not hold for what was restored',
    theme: 'times',
    install: () => {
      const restored = new WeakSet<object>();
      return allOf([
        patch(SplitTimes.prototype, 'restore', (original) => {
          return function (this: SplitTimes, sections) {
            original.call(this, sections);
            if (sections.length > 0) restored.add(this);
          };
        }),
        patch(ObservedSplits.prototype, 'attach', (original) => {
          return function (this: ObservedSplits, operator, times) {
            original.call(this, operator, times);
            if (restored.has(times)) restored.add(this);
          };
        }),
        patchGetter(ObservedSplits.prototype, 'maxDriftMs', (original) => {
          return function (this: ObservedSplits) {
            return restored.has(this) ? undefined : original.call(this);
          };
        }),
      ]);
    },
  },
  {
    name: 'who speaks again does not hold up other sources',
    theme: 'times',
    install: () => {
      const told = new WeakMap<SourceAlignment, number>();
      return patch(SourceAlignment.prototype, 'tellTime', (original) => {
        return function (this: SourceAlignment, timeMs) {
          const most = Math.max(timeMs, told.get(this) ?? Number.NEGATIVE_INFINITY);
          told.set(this, most);
          original.call(this, most);
        };
      });
    },
  },
  {
    name: 'an idle input that never spoke is taken for one that has',
    theme: 'times',
    install: () =>
      patch(TaskInputs.prototype, 'rest', (original) => {
        return function (this: TaskInputs) {
          original.call(this, false);
        };
      }),
  },
  {
    name: 'an idle input that has spoken is taken for one that never did',
    theme: 'times',
    install: () =>
      patch(TaskInputs.prototype, 'rest', (original) => {
        return function (this: TaskInputs) {
          original.call(this, true);
        };
      }),
  },
  {
    name: 'a split is touched behind its first record',
    theme: 'times',
    install: () =>
      patch(SplitTimes.prototype, 'touch', (original) => {
        return function (this: SplitTimes, index, timeMs) {
          original.call(this, index, timeMs + 3 * WINDOW_MS);
        };
      }),
  },
  {
    name: 'a split that has made room goes on where it was opened before',
    theme: 'times',
    install: () => {
      const openedAt = new WeakMap<SplitReader, unknown>();
      return allOf([
        patch(SplitReader.prototype, 'advance', (original) => {
          return function (this: SplitReader) {
            if (this.kind === 'closed') openedAt.set(this, this.progress.position);
            return original.call(this);
          };
        }),
        patch(SplitReader.prototype, 'rest', (original) => {
          return function (this: SplitReader) {
            original.call(this);
            this.progress.position = openedAt.get(this);
          };
        }),
      ]);
    },
  },
  {
    name: 'a dead letter goes out behind the barrier',
    theme: 'times',
    install: () => {
      const held = new WeakMap<GuardedOperator, () => void>();
      const release = (operator: GuardedOperator) => {
        held.get(operator)?.();
        held.delete(operator);
      };
      const first = <M extends 'onElement' | 'capture'>(method: M) =>
        patch(GuardedOperator.prototype, method, (original) => {
          return function (this: GuardedOperator, ...given: never[]) {
            release(this);
            return (original as (...args: never[]) => never).apply(this, given);
          } as GuardedOperator[M];
        });
      const last = patch(GuardedOperator.prototype, 'onWatermark', (original) => {
        return function (this: GuardedOperator, timeMs) {
          if (timeMs === Number.POSITIVE_INFINITY) release(this);
          original.call(this, timeMs);
        };
      });
      const letters = patch(GuardedOperator.prototype, 'open', (original) => {
        return function (this: GuardedOperator, context, restored) {
          const side = (tag: string): Receiver | undefined => {
            const to = context.side(tag);
            const onElement = (...letter: Parameters<Receiver['onElement']>) => {
              held.set(this, () => to!.onElement(...letter));
            };
            return to && { onElement, onWatermark: (timeMs) => to.onWatermark(timeMs) };
          };
          return original.call(this, { ...context, side }, restored);
        };
      });
      return allOf([letters, first('onElement'), last, first('capture')]);
    },
  },
  {
    name: 'timers are not set again after a restore',
    install: () => patch(KeyedState.prototype, 'cells', () => function* () {}),
  },
  {
    name: 'what takes a row back does not go out',
    install: () =>
      patch(ChangeOutput.prototype, 'emit', (original) => {
        return function (this: ChangeOutput, before, after, timestamp, behind) {
          original.call(this, after === undefined ? before : undefined, after, timestamp, behind);
        };
      }),
  },
  {
    name: 'sessions do not close after a restore',
    install: () => patch(SessionQueue.prototype, 'addAll', () => () => {}),
  },
  {
    name: 'a session closes while records may come that belong to it',
    install: () => {
      const undo = [
        patch(SessionQueue.prototype, 'areDue', (original) => {
          return function (this: SessionQueue, nowMs) {
            return original.call(this, nowMs + EARLY_MS);
          };
        }),
        patch(SessionQueue.prototype, 'next', (original) => {
          return function (this: SessionQueue, nowMs) {
            return original.call(this, nowMs + EARLY_MS);
          };
        }),
      ];
      return allOf(undo);
    },
  },
  {
    name: 'windows that overlap are without their first slice',
    install: () =>
      patch(KeyRun.prototype, 'advance', (original) => {
        return function (this: KeyRun<unknown>, window) {
          const { startNumber } = window;
          const isCut = startNumber % 3 === 0;
          return original.call(this, isCut ? { ...window, startNumber: startNumber + 1 } : window);
        };
      }),
  },
  ...OPERATOR_BUGS,
];

/** Sessions close so much too early, in ms. */
const EARLY_MS = 500;

/** Sections that hold a point in time: of a task, of `withTimestamps`, of windows. */
const TIMES = ['~task', 'time', 'split-times'];

type Sections = readonly RestoredSection[];

/** All that is restored of an operator in a task, in whichever parts it was. */
function withSections(spec: DeploySpec, change: (sections: Sections) => Sections): DeploySpec {
  const restores = spec.restores.map((task) => {
    const byOperator = new Map<string, RestoredSection[]>();
    for (const { operator, sections } of task.operators) {
      byOperator.set(operator, [...(byOperator.get(operator) ?? []), ...sections]);
    }
    const operators = [...byOperator].map(([operator, sections]) => {
      return { operator, sections: change(sections) };
    });
    return { ...task, operators };
  });
  return { ...spec, restores };
}

const isNoChannel = ({ name }: RestoredSection) => parseChannelSection(name) === undefined;

function toFirstPort(section: RestoredSection): RestoredSection {
  const channel = parseChannelSection(section.name);
  if (channel === undefined || channel.port === 0) return section;
  const { name } = encodeChannel(channel.side, { ...channel, port: 0, input: 0 }, { frames: [] });
  return { ...section, name };
}

/** What the producers kept is put before what the consumers did. */
function swapHalves(sections: Sections): Sections {
  return sections.flatMap((section) => {
    const channel = parseChannelSection(section.name);
    if (channel === undefined) return [section];
    const otherSide = channel.side === 'input' ? '~output' : '~input';
    const otherName = section.name.replace(/^~[a-z]+/, otherSide);
    const other = sections.find(({ name }) => name === otherName);
    if (other === undefined) return [section];
    if (channel.side === 'output') return [];
    const { position, frames } = decodeChannel(section.bytes);
    const sent = decodeChannel(other.bytes).frames.filter(
      (frame) => position === undefined || ((positionOf(frame) - position) | 0) >= 0,
    );
    const [swapped] = encodeChannel('input', channel, { frames: [...sent, ...frames] }).chunks;
    return [{ ...section, bytes: swapped! }];
  });
}

/** Deletes what the newest checkpoint builds on. */
function filesOfChainsDeleted(): PlantedBug {
  let files: FileSystem | undefined;
  return {
    name: 'files that only later changes build on are deleted',
    files: (given) => {
      files = given;
      return given;
    },
    store: (store) =>
      new Proxy(store, {
        get(target, name) {
          if (name !== 'prune') return bound(target, name);
          return async (retain: number) => {
            await target.prune(retain);
            const [newest] = await target.list();
            if (newest === undefined) return;
            const { parts } = await target.readManifest(newest);
            for (const { file } of parts.flatMap(({ earlier }) => earlier ?? [])) {
              await files!.remove(join(CHECKPOINTS, 'parts', file)).catch(() => {});
            }
          };
        },
      }),
  };
}

const believing: ProxyHandler<CheckpointStore> = {
  get(target, name) {
    if (name !== 'writeManifest') return bound(target, name);
    return (manifest: Parameters<typeof target.writeManifest>[0]) =>
      target.writeManifest(manifest).catch(() => {});
  },
};

function bound<T extends object>(target: T, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? value.bind(target) : value;
}
