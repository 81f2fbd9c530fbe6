/**
 * What must hold of every order that supervision gives: a model of its own, told what the tree is told.
 *
 *  I15  A failure is answered by a restart exactly as long as the strategy's budget lasts, after exactly
 *       the strategy's delay; when it is spent, and only then, the group gives up. It begins anew by a
 *       completed checkpoint that has every split beyond where it stood at each failure since the
 *       last time, and by nothing else.
 *  I30  A group's strategy restarts exactly its set: the one that failed, all, or it and those behind it.
 *       Where these are several they start in their order, none while one behind it is still there, and
 *       are stopped the other way round. A region is there as long as one of its tasks is.
 */

import { Progress, type RegionPoint } from '../../src/job/driver/progress.js';
import { groupPath } from '../../src/job/driver/supervision.js';
import type { RestartStrategy } from '../../src/supervisor/restart-strategy.js';
import {
  SupervisionTree,
  type TreeCommand,
  type TreeEvent,
  type TreeNode,
} from '../../src/supervisor/supervision-tree.js';
import { allOf, patch } from './patch.js';

interface GroupWatch {
  readonly strategy: TreeNode['strategy'];
  /** Ids of regions. */
  readonly children: readonly string[];
  /** By region: its tasks that are there. */
  readonly alive: Map<string, Set<string>>;
  /** Regions that go down because something in them has failed: that has no order. */
  readonly failed: Set<string>;
  /** Of a restart under way: those that have not started again. */
  readonly awaited: Set<string>;
  /** Restarts since the last progress. */
  attempts: number;
  /** When failures were answered by a restart. */
  answeredAtMs: number[];
}

/** Looks on until what it returns is called. @param restart of all groups */
export function watchSupervision(
  restart: () => RestartStrategy,
  violated: (what: string) => void,
): () => void {
  const trees = new WeakMap<SupervisionTree, Map<string, GroupWatch>>();
  const refills = watchRefills();
  const undo = patch(SupervisionTree.prototype, 'handle', (original) => {
    return function (this: SupervisionTree, event, now) {
      let known = trees.get(this);
      if (known === undefined) {
        known = groupsOf(this.describe(now));
        trees.set(this, known);
        refills.forget();
      }
      const commands = original.call(this, event, now);
      if (event.kind === 'progress' && !refills.take(event.path)) {
        violated(`I15: the budget of ${event.path} begins anew, and there was no progress`);
      }
      hear(known, event);
      for (const command of commands) judge(known, event, command, restart(), now, violated);
      return commands;
    };
  });
  return allOf([undo, refills.undo]);
}

/** What groups may be refilled, by what their regions have failed at and what checkpoints hold. */
function watchRefills(): {
  take(path: string | undefined): boolean;
  /** Another tree begins. */
  forget(): void;
  undo: () => void;
} {
  /** By region, then task and split: least count. */
  type Least = Map<number, Map<string, number>>;
  const failed = new WeakMap<Progress, Least>();
  const of = (progress: Progress): Least => {
    const known: Least = failed.get(progress) ?? new Map();
    failed.set(progress, known);
    return known;
  };
  const due = new Set<string>();
  const isBehind = (point: RegionPoint, least: ReadonlyMap<string, number>): boolean =>
    [...least].some(([name, count]) => {
      const [task, split] = JSON.parse(name) as [string, number];
      const found = point.tasks.find((one) => one.task === task)?.splits?.[split];
      return found === undefined || found < count;
    });
  const undo = [
    patch(Progress.prototype, 'failed', (original) => {
      return function (this: Progress, region, tasks) {
        const least = of(this);
        const counts = least.get(region) ?? new Map<string, number>();
        least.set(region, counts);
        for (const { task, splits = [] } of tasks) {
          for (const [split, count] of splits.entries()) {
            const name = JSON.stringify([task, split]);
            counts.set(name, Math.max(counts.get(name) ?? count, count));
          }
        }
        original.call(this, region, tasks);
      };
    }),
    patch(Progress.prototype, 'completed', (original) => {
      return function (this: Progress, points) {
        const least = of(this);
        const groups = original.call(this, points);
        for (const group of groups) {
          const own = this.regionsOf(group);
          const behind = points.some((point) => {
            const counts = own.includes(point.region) ? least.get(point.region) : undefined;
            return counts !== undefined && isBehind(point, counts);
          });
          if (behind) continue;
          for (const region of own) least.delete(region);
          due.add(groupPath(group));
        }
        return groups;
      };
    }),
  ];
  return {
    take: (path) => path !== undefined && due.delete(path),
    forget: () => due.clear(),
    undo: allOf(undo),
  };
}

function groupsOf(root: TreeNode): Map<string, GroupWatch> {
  const groups = root.children.filter(({ kind }) => kind === 'supervisor');
  return new Map(
    groups.map(({ path, strategy, children }) => [
      path,
      {
        strategy,
        children: children.map(({ id }) => id),
        alive: new Map(children.map(({ id }) => [id, new Set<string>()])),
        failed: new Set(),
        awaited: new Set(),
        attempts: 0,
        answeredAtMs: [],
      },
    ]),
  );
}

function hear(groups: ReadonlyMap<string, GroupWatch>, event: TreeEvent): void {
  if (event.kind === 'progress') {
    const group = groups.get(event.path ?? '');
    if (group !== undefined) group.attempts = 0;
    return;
  }
  if (!('path' in event) || event.path === undefined) return;
  const { group: path, region, task } = parted(event.path);
  const group = groups.get(path);
  if (group === undefined || region === undefined) return;
  if (event.kind === 'kill' || (event.kind === 'child-ended' && event.reason === 'abnormal')) {
    group.failed.add(region);
  }
  if (event.kind === 'child-ended') group.alive.get(region)!.delete(task!);
  if (event.kind === 'child-started') group.awaited.delete(region);
}

function judge(
  groups: ReadonlyMap<string, GroupWatch>,
  event: TreeEvent,
  command: TreeCommand,
  restart: RestartStrategy,
  now: number,
  violated: (what: string) => void,
): void {
  switch (command.kind) {
    case 'restarting': {
      const group = groups.get(command.path);
      if (group === undefined) return;
      const failed = 'path' in event && event.path !== undefined ? parted(event.path).region : '';
      const set = wrongSet(group, failed ?? '', command.children);
      if (set !== undefined) violated(`I30: ${command.path} (${group.strategy}): ${set}`);
      for (const child of command.children) group.awaited.add(child);
      const answer = wrongAnswer(group, restart, command, now);
      if (answer !== undefined) violated(`I15: ${command.path}: ${answer}`);
      return;
    }
    case 'escalated': {
      const group = groups.get(command.path);
      if (group === undefined || mayRestart(group, restart, now) === false) return;
      violated(`I15: ${command.path} gives up after ${group.attempts} restarts`);
      return;
    }
    case 'start-child':
    case 'kill-child': {
      const { group: path, region, task } = parted(command.path);
      const group = groups.get(path);
      if (group === undefined || region === undefined) return;
      const isOrdered = command.kind === 'start-child' || !group.failed.has(region);
      const behind = isOrdered ? behindIt(group, region) : undefined;
      if (behind !== undefined) {
        violated(`I30: ${command.kind} of '${command.path}', and '${behind}' is there`);
      }
      if (command.kind === 'kill-child') return;
      group.failed.delete(region);
      group.alive.get(region)!.add(task!);
    }
  }
}

function behindIt({ strategy, children, alive }: GroupWatch, child: string): string | undefined {
  if (strategy === 'one-for-one') return undefined;
  return children.slice(children.indexOf(child) + 1).find((other) => alive.get(other)!.size > 0);
}

/** What is wrong with these being restarted for that one. */
function wrongSet(
  { strategy, children, awaited }: GroupWatch,
  failed: string,
  restarted: readonly string[],
): string | undefined {
  const told = `'${failed}' failed, and ${restarted.join(', ') || 'nothing'} is restarted`;
  const suffix = children.slice(children.length - restarted.length);
  const isSuffix = suffix.every((child, at) => child === restarted[at]);
  switch (strategy) {
    case 'one-for-one':
      return restarted.length === 1 && restarted[0] === failed ? undefined : told;
    case 'one-for-all':
      return isSuffix && restarted.length === children.length ? undefined : told;
    default:
      if (!isSuffix || !restarted.includes(failed)) return told;
      // A restart that is under way may reach further than this one.
      return restarted[0] === failed || awaited.has(restarted[0]!) ? undefined : told;
  }
}

function mayRestart(group: GroupWatch, restart: RestartStrategy, now: number): boolean {
  switch (restart.kind) {
    case 'none':
      return false;
    case 'fixed-delay':
      return group.attempts < restart.attempts;
    case 'failure-rate': {
      const recent = group.answeredAtMs.filter((atMs) => now - atMs < restart.intervalMs);
      return recent.length < restart.failuresMax;
    }
    case 'exponential-backoff':
      return group.attempts < restart.maxAttempts;
  }
}

/** Counts the restart. @returns what is wrong with it */
function wrongAnswer(
  group: GroupWatch,
  restart: RestartStrategy,
  { attempt, delayMs }: { readonly attempt: number; readonly delayMs: number },
  now: number,
): string | undefined {
  const isWithin = mayRestart(group, restart, now);
  group.attempts += 1;
  group.answeredAtMs.push(now);
  if (!isWithin) return `restart ${group.attempts}, and the budget is spent`;
  if (attempt !== group.attempts) return `attempt ${attempt} is number ${group.attempts}`;
  const [leastMs, mostMs] = delaysOf(restart, attempt);
  if (delayMs >= leastMs && delayMs <= mostMs) return undefined;
  return `restart ${attempt} after ${delayMs} ms, must be ${leastMs} to ${mostMs}`;
}

function delaysOf(restart: RestartStrategy, attempt: number): readonly [number, number] {
  if (restart.kind === 'none') return [0, 0];
  if (restart.kind !== 'exponential-backoff') return [restart.delayMs, restart.delayMs];
  const { initialMs, factor, maxMs, jitter } = restart;
  const meanMs = Math.min(maxMs, initialMs * factor ** (attempt - 1));
  return [meanMs * (1 - jitter), Math.min(maxMs, meanMs * (1 + jitter))];
}

interface Parts {
  readonly group: string;
  readonly region: string | undefined;
  readonly task: string | undefined;
}

/** `job/group/region/slot/task` */
function parted(path: string): Parts {
  const [job, group, region, slot, task] = path.split('/');
  return { group: `${job}/${group}`, region, task: task && `${slot}/${task}` };
}
