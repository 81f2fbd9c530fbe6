/**
 * The supervisors of a job: pure. What regions tell goes in, what is to be done with regions comes out.
 *
 *   job ─┬─ coordinator
 *        ├─ group ─┬─ region      a group is a supervisor: its strategy and its restart budget;
 *        │         └─ region      a region by itself has a group of its own
 *        └─ group ─── region
 *
 *  S1  The budget belongs to the group. What is below a region (slots, tasks) escalates to it at once, because a
 *      region can only be restarted as a whole. A group whose budget is spent ends the job.
 *  S2  Regions are significant children: when all regions of a group have ended normally, the group shuts down;
 *      when all groups have, the job does. That is how a bounded job ends.
 *  S3  The coordinator is a part of the driver: it has started, and has ended, as soon as that is ordered.
 */

import type { Failure } from '../../base/failure.js';
import type { Random } from '../../base/random.js';
import { noRestart } from '../../supervisor/restart-strategy.js';
import {
  SupervisionTree,
  type TreeCommand,
  type TreeEvent,
  type TreeNode,
} from '../../supervisor/supervision-tree.js';
import type { Group } from './groups.js';

/** What supervisors are told. */
export type SupervisionEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'tick' }
  | { readonly kind: 'region-started'; readonly region: number }
  | { readonly kind: 'region-failed'; readonly region: number; readonly failure: Failure }
  /** It is down, as was ordered. */
  | { readonly kind: 'region-stopped'; readonly region: number }
  /** All input was processed and all output committed: the regions have ended normally. */
  | { readonly kind: 'completed' }
  /** There was progress: the group's budget begins anew (progress.ts). */
  | { readonly kind: 'progress'; readonly group: number };

/** What supervisors decide. */
export type Decision =
  /** `attempt`: restarts since the last progress, this one included; 0: the first start. */
  | { readonly kind: 'launch'; readonly region: number; readonly attempt: number }
  /** `because`: the failure elsewhere in its group; undefined when the job ends. */
  | { readonly kind: 'stop'; readonly region: number; readonly because: Failure | undefined }
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
export const regionPath = (group: number, region: number): string =>
  `${groupPath(group)}/region-${region}`;

export class Supervision {
  readonly #tree: SupervisionTree;
  /** Path of each region in the tree, both ways. */
  readonly #paths = new Map<number, string>();
  readonly #regions = new Map<string, number>();
  /** By group: the failure for which it restarts. */
  readonly #causes = new Map<string, Failure>();

  constructor(groups: readonly Group[], random: Random) {
    for (const [group, { regions }] of groups.entries()) {
      for (const region of regions) {
        const path = regionPath(group, region);
        this.#paths.set(region, path);
        this.#regions.set(path, region);
      }
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
            children: regions.map((region) => ({
              id: `region-${region}`,
              restart: 'transient' as const,
              significant: true,
              // Each of the region's threads has a deadline of its own, `resetTimeoutMs`.
              shutdown: 'infinity' as const,
            })),
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
        const answer = this.#perform(command, decisions);
        if (answer !== undefined) events.push(answer);
      }
    }
    return decisions;
  }

  /** When the next `tick` has something to do; undefined: not before another event. */
  nextDeadline(): number | undefined {
    return this.#tree.nextDeadline();
  }

  describe(now: number): TreeNode {
    return this.#tree.describe(now);
  }

  #treeEvents(event: SupervisionEvent): readonly TreeEvent[] {
    switch (event.kind) {
      case 'start':
      case 'tick':
        return [event];
      case 'region-started':
        return [{ kind: 'child-started', path: this.#paths.get(event.region)! }];
      case 'region-failed': {
        const path = this.#paths.get(event.region)!;
        return [{ kind: 'child-ended', path, reason: 'abnormal', failure: event.failure }];
      }
      case 'region-stopped': {
        const path = this.#paths.get(event.region)!;
        return [{ kind: 'child-ended', path, reason: 'shutdown' }];
      }
      case 'completed':
        return Array.from(this.#paths.values(), (path) => {
          return { kind: 'child-ended', path, reason: 'normal' } as const;
        });
      case 'progress':
        return [{ kind: 'progress', path: groupPath(event.group) }];
    }
  }

  /** @returns the coordinator's answer (S3) */
  #perform(command: TreeCommand, decisions: Decision[]): TreeEvent | undefined {
    switch (command.kind) {
      case 'start-child':
        if (command.path === COORDINATOR) return { kind: 'child-started', path: COORDINATOR };
        decisions.push({
          kind: 'launch',
          region: this.#regions.get(command.path)!,
          attempt: command.attempt,
        });
        return undefined;
      case 'stop-child':
      case 'kill-child': {
        if (command.path === COORDINATOR) {
          return { kind: 'child-ended', path: COORDINATOR, reason: 'shutdown' };
        }
        const group = command.path.slice(0, command.path.lastIndexOf('/'));
        const region = this.#regions.get(command.path)!;
        decisions.push({ kind: 'stop', region, because: this.#causes.get(group) });
        return undefined;
      }
      case 'restarting': {
        const { path, children, attempt, delayMs } = command;
        this.#causes.set(path, command.failure);
        const regions = children.map((id) => this.#regions.get(`${path}/${id}`)!);
        decisions.push({ kind: 'restarting', regions, attempt, delayMs });
        return undefined;
      }
      case 'escalated': {
        const { path, failure, attempts } = command;
        if (path !== ROOT) decisions.push({ kind: 'give-up', failure, attempts });
        return undefined;
      }
      case 'ended':
        if (command.reason === 'auto-shutdown') decisions.push({ kind: 'ended' });
        return undefined;
      case 'report':
      case 'reply':
        return undefined;
    }
  }
}
