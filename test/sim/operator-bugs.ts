/** Mistakes of operators with state (planted-bugs.ts): of joins, of windows that are kept by key, of changelogs. */

import { NOT_BEHIND } from '../../src/channels/element.js';
import { CallbackOutput } from '../../src/stream/operators/callback-output.js';
import { TriggerCallContext } from '../../src/stream/operators/key-window.js';
import { RecordsContent } from '../../src/stream/operators/records-content.js';
import { TimerQueue } from '../../src/stream/operators/timer-queue.js';
import { RowsHandle } from '../../src/stream/state/rows-handle.js';
import { allOf, patch } from './patch.js';
import type { PlantedBug } from './planted-bug.js';

/** Event time comes here with the end of the input. */
const END_MS = Number.MAX_VALUE;

export const OPERATOR_BUGS: readonly PlantedBug[] = [
  {
    name: 'rows of a join are let go while partners may come',
    install: () =>
      patch(RowsHandle.prototype, 'between', (original) => {
        return function (this: RowsHandle, fromMs, toMs) {
          const isRelease = fromMs === Number.NEGATIVE_INFINITY;
          return original.call(this, fromMs, isRelease ? toMs + 10 : toMs);
        };
      }),
  },
  {
    name: 'the version in force is let go',
    install: () =>
      patch(RowsHandle.prototype, 'remove', (original) => {
        return function (this: RowsHandle, timeMs) {
          original.call(this, timeMs);
        };
      }),
  },
  {
    name: 'rows of a join lose their marks',
    install: () =>
      patch(RowsHandle.prototype, 'add', (original) => {
        return function (this: RowsHandle, timeMs, record) {
          return original.call(this, timeMs, record, NOT_BEHIND);
        };
      }),
  },
  {
    name: 'the state of a trigger is lost at a restore',
    install: () => {
      const known = new WeakSet<object>();
      return patch(TriggerCallContext.prototype, 'begin', (original) => {
        return function (this: TriggerCallContext, window, timestamp) {
          // One that is new has its first record.
          if (!known.has(window) && window.records > 1) window.trigger = undefined;
          known.add(window);
          original.call(this, window, timestamp);
        };
      });
    },
  },
  {
    name: 'what an evictor has left out comes back at a restore',
    install: () => {
      const known = new WeakSet<object>();
      const evicted = new Map<string, unknown[]>();
      type Held = readonly [record: { readonly s: number; readonly p: number; readonly k: string }];
      let place = '';
      const nameOf = ([{ s, p, k }]: Held) => `${s}.${p}/${k}`;
      const first = patch(RecordsContent.prototype, 'first', (original) => {
        return function (this: RecordsContent, record, timestamp) {
          const value = original.call(this, record, timestamp);
          known.add(value as object);
          return value;
        };
      });
      const add = patch(RecordsContent.prototype, 'add', (original) => {
        return function (this: RecordsContent, value, record, timestamp) {
          const held = value as Held[];
          if (!known.has(held)) held.unshift(...((evicted.get(nameOf(held[0]!)) ?? []) as Held[]));
          known.add(held);
          return original.call(this, value, record, timestamp);
        };
      });
      const evict = patch(RecordsContent.prototype, 'evict', (original) => {
        return function (this: RecordsContent, value, evictor, window) {
          const kept = original.call(this, value, evictor, window);
          place = nameOf((value as Held[])[0]!);
          evicted.set(
            place,
            (value as Held[]).filter((one) => !kept.includes(one)),
          );
          known.add(kept);
          return kept;
        };
      });
      return allOf([first, add, evict]);
    },
  },
  {
    name: 'windows of the clock do not end with the input',
    install: () =>
      patch(TimerQueue.prototype, 'set', (original) => {
        return function (this: TimerQueue, time) {
          if (time !== END_MS) original.call(this, time);
        };
      }),
  },
  {
    name: 'what leaves the top is not taken back',
    install: () => withoutChange('-D'),
  },
  {
    name: 'a row that is replaced is not taken back',
    install: () => withoutChange('-U'),
  },
  {
    name: 'a record counts twice in a window that was restored',
    install: () => {
      const known = new WeakSet<object>();
      const first = patch(RecordsContent.prototype, 'first', (original) => {
        return function (this: RecordsContent, record, timestamp) {
          const value = original.call(this, record, timestamp);
          known.add(value as object);
          return value;
        };
      });
      const add = patch(RecordsContent.prototype, 'add', (original) => {
        return function (this: RecordsContent, value, record, timestamp) {
          if (!known.has(value as object)) original.call(this, value, record, timestamp);
          known.add(value as object);
          return original.call(this, value, record, timestamp);
        };
      });
      return allOf([first, add]);
    },
  },
];

/** No operator tells of changes of this kind. */
function withoutChange(kind: string) {
  return patch(CallbackOutput.prototype, 'emit', (original) => {
    return function (this: CallbackOutput, record) {
      const { change } = (record ?? {}) as { readonly change?: string };
      if (change !== kind) original.call(this, record);
    };
  });
}
