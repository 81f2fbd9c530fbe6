/**
 * The supervisors of a job, and their clock. The machine decides (supervisor/supervision-tree.ts), the regions
 * perform.
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
 */

import type { Failure } from '../../base/failure.js';
import { seededRandom } from '../../base/random.js';
import { noRestart } from '../../supervisor/restart-strategy.js';
import {
  SupervisionTree,
  type TreeCommand,
  type TreeEvent,
  type TreeNode,
} from '../../supervisor/supervision-tree.js';
import type { Group } from './groups.js';
import type { RegionEvent } from './region.js';

export interface SupervisionOptions {
  readonly groups: readonly Group[];
  readonly launch: (region: number, attempt: number) => void;
  /** @param because the failure elsewhere in its group; undefined when the job ends */
  readonly stop: (region: number, because: Failure | undefined) => void;
  /** These regions will be launched after a delay. */
  readonly onRestarting: (regions: readonly number[], attempt: number, delayMs: number) => void;
  /** A group has spent its budget. `attempts`: how many restarts were made before this failure. */
  readonly onGivenUp: (failure: Failure, attempts: number) => void;
  /** All regions have ended (S2). */
  readonly onEnded: () => void;
}

const ROOT = 'job';
export const COORDINATOR = `${ROOT}/coordinator`;
export const groupPath = (group: number): string => `${ROOT}/group-${group}`;
export const regionPath = (group: number, region: number): string =>
  `${groupPath(group)}/region-${region}`;

export class Supervision {
  readonly #given: SupervisionOptions;
  readonly #tree: SupervisionTree;
  /** Path of each region in the tree, both ways. */
  readonly #paths = new Map<number, string>();
  readonly #regions = new Map<string, number>();
  /** By group: the failure for which it restarts. */
  readonly #causes = new Map<string, Failure>();
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(given: SupervisionOptions) {
    this.#given = given;
    for (const [group, { regions }] of given.groups.entries()) {
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
          ...given.groups.map(({ strategy, restart, regions }, group) => ({
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
      seededRandom(Date.now()),
    );
  }

  start(): void {
    this.#handle({ kind: 'start' });
  }

  region(region: number, event: RegionEvent): void {
    this.#handle({ ...event, path: this.#paths.get(region)! });
  }

  /** There was progress: the group's budget begins anew (progress.ts). */
  progressed(group: number): void {
    this.#handle({ kind: 'progress', path: groupPath(group) });
  }

  /** All input was processed and all output committed: the regions have ended normally. */
  completed(): void {
    for (const path of this.#paths.values()) {
      this.#handle({ kind: 'child-ended', path, reason: 'normal' });
    }
  }

  describe(now: number): TreeNode {
    return this.#tree.describe(now);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #handle(event: TreeEvent): void {
    if (this.#closed) return;
    for (const command of this.#tree.handle(event, performance.now())) this.#perform(command);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const due = this.#tree.nextDeadline();
    if (due === undefined || this.#closed) return;
    const waitMs = Math.max(0, Math.ceil(due - performance.now()));
    this.#timer = setTimeout(() => this.#handle({ kind: 'tick' }), waitMs);
  }

  #perform(command: TreeCommand): void {
    const { launch, stop, onRestarting, onGivenUp, onEnded } = this.#given;
    switch (command.kind) {
      case 'start-child':
        // The coordinator is a part of the driver, so it is there already.
        if (command.path === COORDINATOR) this.#later({ kind: 'child-started', path: COORDINATOR });
        else launch(this.#regions.get(command.path)!, command.attempt);
        return;
      case 'stop-child':
      case 'kill-child':
        if (command.path === COORDINATOR) {
          this.#later({ kind: 'child-ended', path: COORDINATOR, reason: 'shutdown' });
        } else {
          const group = command.path.slice(0, command.path.lastIndexOf('/'));
          stop(this.#regions.get(command.path)!, this.#causes.get(group));
        }
        return;
      case 'restarting':
        this.#causes.set(command.path, command.failure);
        onRestarting(
          command.children.map((id) => this.#regions.get(`${command.path}/${id}`)!),
          command.attempt,
          command.delayMs,
        );
        return;
      case 'escalated':
        if (command.path !== ROOT) onGivenUp(command.failure, command.attempts);
        return;
      case 'ended':
        if (command.reason === 'auto-shutdown') onEnded();
        return;
      case 'report':
      case 'reply':
        return;
    }
  }

  /** Handles an event later, not while a command is being performed. */
  #later(event: TreeEvent): void {
    queueMicrotask(() => this.#handle(event));
  }
}
