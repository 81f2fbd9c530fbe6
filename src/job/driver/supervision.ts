/**
 * The supervisors of a job: pure. What regions tell goes in, what is to be done with regions comes out.
 *
 *   job ─┬─ coordinator
 *        ├─ group ─┬─ region ─┬─ slot ─┬─ task     a group has a strategy and a restart budget; what is below it
 *        │         └─ …       └─ …     └─ task     has none. A region by itself has a group of its own.
 *        └─ group ─── …
 *
 *  S1  A task cannot be restarted without the tasks that it exchanges records with, because all of them go back to
 *      one consistent cut. So a slot (the region's part on it) and a region are one-for-all supervisors that never
 *      restart: the failure of a task escalates to the group at once, whose budget decides. A group whose
 *      budget is spent ends the job.
 *  S2  Groups and regions are significant children: when the work of all regions of a group is done, the group shuts
 *      down; when all groups have, the job does. That is how a bounded job ends. A task that has processed its input
 *      has ended normally. Its region's work is done only when the output is committed; until then a failure
 *      restarts the region, that task included, as the children of a supervisor that was made anew.
 *  S3  Tasks are killed, not asked: revoking their leases is the kill. So their end is told at once, and an
 *      escalation is one step. What is left of them on their slots is cleaned up before the next launch (R3).
 *  S4  A region is launched as a whole. The first of its tasks to be started orders the launch. When the launch is
 *      over, all of them are told as started, one after the other.
 *  S5  The coordinator is a part of the driver: it has started, and has ended, as soon as that is ordered.
 */

import type { Failure } from '../../base/failure.js';
import type { Random } from '../../base/random.js';
import type { JobPlan, PlanRegion } from '../../stream/graph/plan.js';
import { tasksOn } from '../../stream/graph/planner.js';
import { noRestart } from '../../supervisor/restart-strategy.js';
import {
  SupervisionTree,
  type TreeChildSpec,
  type TreeCommand,
  type TreeEvent,
  type TreeNode,
} from '../../supervisor/supervision-tree.js';
import type { FailedPart } from './driver-events.js';
import type { Group } from './groups.js';

/** What supervisors are told. */
export type SupervisionEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'tick' }
  /** All its tasks run. */
  | { readonly kind: 'region-started'; readonly region: number }
  /** A part of it has failed, and none of its tasks goes on. */
  | {
      readonly kind: 'region-failed';
      readonly region: number;
      readonly part: FailedPart;
      readonly slot: number;
      readonly failure: Failure;
    }
  | {
      readonly kind: 'task-ended';
      readonly region: number;
      readonly vertex: number;
      readonly instance: number;
    }
  /** All input was processed and all output committed. */
  | { readonly kind: 'completed' }
  /** There was progress: the group's budget begins anew (progress.ts). */
  | { readonly kind: 'progress'; readonly group: number };

/** What supervisors decide. */
export type Decision =
  /** `attempt`: restarts since the last progress, this one included; 0: the first start. */
  | { readonly kind: 'launch'; readonly region: number; readonly attempt: number }
  /** `because`: the failure elsewhere in its group. */
  | { readonly kind: 'stop'; readonly region: number; readonly because: Failure }
  /** These regions will be launched after a delay. */
  | {
      readonly kind: 'restarting';
      readonly regions: readonly number[];
      readonly attempt: number;
      readonly delayMs: number;
    }
  /** A group has spent its budget. `attempts`: how many restarts were made before this failure. */
  | { readonly kind: 'give-up'; readonly failure: Failure; readonly attempts: number }
  /** All regions have ended (S2). */
  | { readonly kind: 'ended' };

const ROOT = 'job';
export const COORDINATOR = `${ROOT}/coordinator`;
export const groupPath = (group: number): string => `${ROOT}/group-${group}`;
const regionId = (region: number): string => `region-${region}`;
const slotId = (slot: number): string => `slot-${slot}`;
const taskId = (vertex: number, instance: number): string => `task-${vertex}-${instance}`;

interface Task {
  readonly path: string;
  readonly incarnation: number;
}

interface SupervisedRegion {
  readonly index: number;
  readonly group: number;
  readonly path: string;
  /** Paths of its slots; paths of its tasks by id. */
  readonly slots: ReadonlyMap<number, string>;
  readonly tasks: ReadonlyMap<string, string>;
  /** `ended`: tasks that have ended normally, perhaps before they were told as started. */
  life:
    | { readonly kind: 'down' }
    | { readonly kind: 'launching'; readonly first: Task; readonly ended: Set<string> }
    | { readonly kind: 'up'; readonly ended: Set<string> };
  /** Of the restart that is to come. */
  attempt: number;
}

export class Supervision {
  readonly #tree: SupervisionTree;
  readonly #regions = new Map<number, SupervisedRegion>();
  /** By path of a task. */
  readonly #regionOf = new Map<string, SupervisedRegion>();
  /** By path of a group: the failure for which it restarts. */
  readonly #causes = new Map<string, Failure>();

  constructor(plan: JobPlan, groups: readonly Group[], random: Random) {
    for (const [group, { regions }] of groups.entries()) {
      for (const index of regions) this.#add(plan, group, plan.regions[index]!);
    }
    this.#tree = new SupervisionTree(
      {
        id: ROOT,
        strategy: 'one-for-all',
        backoff: noRestart(),
        autoShutdown: 'all-significant',
        children: [
          { id: 'coordinator', shutdown: 'infinity' },
          ...groups.map(({ strategy, restart, regions }, group) => ({
            id: `group-${group}`,
            restart: 'transient' as const,
            significant: true,
            strategy,
            backoff: restart,
            autoShutdown: 'all-significant' as const,
            firstStart: 'restart' as const,
            children: regions.map((index) => regionSpec(plan, plan.regions[index]!)),
          })),
        ],
      },
      random,
    );
  }

  handle(event: SupervisionEvent, now: number): readonly Decision[] {
    const decisions: Decision[] = [];
    const events: TreeEvent[] = [...this.#treeEvents(event)];
    for (let at = 0; at < events.length; at += 1) {
      for (const command of this.#tree.handle(events[at]!, now)) {
        this.#perform(command, events, decisions);
      }
    }
    const givenUp = decisions.find(({ kind }) => kind === 'give-up');
    // What else was decided on the way there is not worth doing any more.
    return givenUp === undefined ? decisions : [givenUp];
  }

  /** When the next `tick` has something to do; undefined: not before another event. */
  nextDeadline(): number | undefined {
    return this.#tree.nextDeadline();
  }

  describe(now: number): TreeNode {
    return this.#tree.describe(now);
  }

  #add(plan: JobPlan, group: number, { index, slots }: PlanRegion): void {
    const path = `${groupPath(group)}/${regionId(index)}`;
    const paths = new Map(slots.map((slot) => [slot, `${path}/${slotId(slot)}`]));
    const tasks = new Map(
      slots.flatMap((slot) =>
        tasksOn(plan, index, slot).map(({ vertex, instance }) => {
          const id = taskId(vertex.index, instance);
          return [id, `${paths.get(slot)}/${id}`] as const;
        }),
      ),
    );
    const life = { kind: 'down' } as const;
    const region = { index, group, path, slots: paths, tasks, life, attempt: 0 };
    this.#regions.set(index, region);
    for (const task of tasks.values()) this.#regionOf.set(task, region);
  }

  #treeEvents(event: SupervisionEvent): readonly TreeEvent[] {
    switch (event.kind) {
      case 'start':
      case 'tick':
        return [event];
      case 'region-started': {
        const region = this.#regions.get(event.region)!;
        if (region.life.kind !== 'launching') return [];
        const { first, ended } = region.life;
        region.life = { kind: 'up', ended };
        return started(first, ended);
      }
      case 'region-failed':
        return this.#failed(event);
      case 'task-ended': {
        const { life, tasks } = this.#regions.get(event.region)!;
        if (life.kind === 'down') return [];
        const path = tasks.get(taskId(event.vertex, event.instance))!;
        life.ended.add(path);
        return life.kind === 'up' ? [{ kind: 'child-ended', path, reason: 'normal' }] : [];
      }
      case 'completed':
        return Array.from(this.#regions.values(), (region) => {
          region.life = { kind: 'down' };
          return { kind: 'finish', path: region.path } as const;
        });
      case 'progress':
        return [{ kind: 'progress', path: groupPath(event.group) }];
    }
  }

  #failed({
    region: index,
    part,
    slot,
    failure,
  }: Extract<SupervisionEvent, { kind: 'region-failed' }>): readonly TreeEvent[] {
    const region = this.#regions.get(index)!;
    const { life, path, slots, tasks } = region;
    region.life = { kind: 'down' };
    // While it is being launched, none of its parts is told from the others.
    const whole: TreeEvent = { kind: 'kill', path, failure };
    if (life.kind !== 'up' || part.kind === 'region') return [whole];
    const task = part.kind === 'task' && tasks.get(taskId(part.vertex, part.instance));
    // One that has ended is no child that could fail any more.
    if (task && !life.ended.has(task)) {
      return [{ kind: 'child-ended', path: task, reason: 'abnormal', failure }];
    }
    const slotPath = slots.get(slot);
    return slotPath === undefined ? [whole] : [{ kind: 'kill', path: slotPath, failure }];
  }

  #perform(command: TreeCommand, answers: TreeEvent[], decisions: Decision[]): void {
    switch (command.kind) {
      case 'start-child': {
        const { path, incarnation } = command;
        if (path === COORDINATOR) answers.push({ kind: 'child-started', path, incarnation });
        else this.#start({ path, incarnation }, answers, decisions);
        return;
      }
      case 'stop-child':
      case 'kill-child': {
        const { path, incarnation } = command;
        const reason = command.kind === 'kill-child' ? 'killed' : 'shutdown';
        if (path !== COORDINATOR) this.#stop(path, decisions);
        answers.push({ kind: 'child-ended', path, reason, incarnation }); // S3, S5
        return;
      }
      case 'restarting': {
        const { path, children, attempt, delayMs, failure } = command;
        this.#causes.set(path, failure);
        const regions = [...this.#regions.values()].filter(
          (region) => groupPath(region.group) === path && children.includes(regionId(region.index)),
        );
        for (const region of regions) region.attempt = attempt;
        const indexes = regions.map(({ index }) => index);
        decisions.push({ kind: 'restarting', regions: indexes, attempt, delayMs });
        return;
      }
      case 'escalated': {
        const { path, failure, attempts } = command;
        // Of a slot or a region: S1.
        const isGroup = path.split('/').length === 2;
        if (isGroup) decisions.push({ kind: 'give-up', failure, attempts });
        return;
      }
      case 'ended':
        if (command.reason === 'auto-shutdown') decisions.push({ kind: 'ended' });
        return;
      case 'report':
      case 'reply':
        return;
    }
  }

  /** S4 */
  #start(task: Task, answers: TreeEvent[], decisions: Decision[]): void {
    const region = this.#regionOf.get(task.path)!;
    const { life } = region;
    if (life.kind === 'up') {
      answers.push(...started(task, life.ended));
      return;
    }
    region.life = { kind: 'launching', first: task, ended: new Set() };
    decisions.push({ kind: 'launch', region: region.index, attempt: region.attempt });
  }

  /** The first of a region's tasks to be killed stands for all. Of one that has failed, none goes on anyway. */
  #stop(path: string, decisions: Decision[]): void {
    const region = this.#regionOf.get(path)!;
    if (region.life.kind === 'down') return;
    region.life = { kind: 'down' };
    const because = this.#causes.get(groupPath(region.group));
    if (because !== undefined) decisions.push({ kind: 'stop', region: region.index, because });
  }
}

/** @param ended those that have ended, perhaps before they are told as started */
function started({ path, incarnation }: Task, ended: ReadonlySet<string>): readonly TreeEvent[] {
  const start: TreeEvent = { kind: 'child-started', path, incarnation };
  return ended.has(path) ? [start, { kind: 'child-ended', path, reason: 'normal' }] : [start];
}

function regionSpec(plan: JobPlan, { index, slots }: PlanRegion): TreeChildSpec {
  return {
    id: regionId(index),
    restart: 'transient',
    significant: true,
    strategy: 'one-for-all',
    backoff: noRestart(),
    children: slots.map((slot): TreeChildSpec => {
      return {
        id: slotId(slot),
        restart: 'transient',
        strategy: 'one-for-all',
        backoff: noRestart(),
        children: tasksOn(plan, index, slot).map(({ vertex, instance }) => {
          const id = taskId(vertex.index, instance);
          return { id, restart: 'transient' as const, shutdown: 'brutal-kill' as const };
        }),
      };
    }),
  };
}
