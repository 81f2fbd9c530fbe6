/**
 * The supervision tree of a running job as people are shown it: the nodes that supervise, with their names in the
 * plan, how often regions were restarted, and what threads tell of themselves.
 */

import type { JobPlan } from '../../stream/graph/plan.js';
import { tasksOn } from '../../stream/graph/planner.js';
import type { TreeNode } from '../../supervisor/supervision-tree.js';
import type { JobTreeNode, SlotInfo } from '../job-types.js';
import type { Group } from './groups.js';
import type { Region } from './region.js';

export interface JobTreeInput {
  readonly plan: JobPlan;
  readonly groups: readonly Group[];
  readonly regions: readonly Region[];
  readonly slots: readonly SlotInfo[];
  /** As the supervision machine tells it: coordinator and groups, then regions, slots and tasks, each in order. */
  readonly root: TreeNode;
  /** `performance.now()` ms. */
  readonly now: number;
}

export function jobTree(input: JobTreeInput): JobTreeNode {
  const { plan, groups, root, now } = input;
  const [coordinator, ...supervisors] = root.children;
  return {
    kind: 'job',
    id: plan.graph.job,
    ...shown(root, now),
    children: [
      { kind: 'coordinator', id: 'coordinator', ...shown(coordinator!, now), children: [] },
      ...groups.map((group, at): JobTreeNode => {
        const node = supervisors[at]!;
        const regions = group.regions.map((region, index) =>
          regionNode(input, node.children[index]!, input.regions[region]!),
        );
        // A region that no group names stands for its group: the group's budget is the region's.
        if (group.name === undefined) return { ...regions[0]!, budget: node.budget };
        return {
          kind: 'group',
          id: group.name,
          ...shown(node, now),
          restarts: regions.reduce((sum, { restarts }) => sum + restarts, 0),
          budget: node.budget,
          children: regions,
        };
      }),
    ],
  };
}

function regionNode(input: JobTreeInput, node: TreeNode, region: Region): JobTreeNode {
  const { plan, restarts } = region;
  return {
    kind: 'region',
    id: plan.id,
    ...shown(node, input.now),
    restarts,
    children: plan.slots.map((slot, at) => slotNode(input, node.children[at]!, region, slot)),
  };
}

function slotNode(
  { plan, slots, now }: JobTreeInput,
  node: TreeNode,
  { plan: { index }, restarts }: Region,
  slot: number,
): JobTreeNode {
  const info = slots[slot]!;
  const own = shown(node, now);
  return {
    kind: 'slot',
    id: `slot ${slot}`,
    ...own,
    state: info.verdict === 'dead' ? 'down' : own.state,
    restarts: info.restarts,
    children: tasksOn(plan, index, slot).map(({ vertex, instance }, at) => ({
      kind: 'task',
      id: `${vertex.id}#${instance}`,
      ...shown(node.children[at]!, now),
      restarts,
      children: [],
    })),
  };
}

function shown(
  { state, restarts, lastFailure, upSinceMs, strategy }: TreeNode,
  now: number,
): Pick<JobTreeNode, 'state' | 'restarts' | 'lastFailure' | 'upMs' | 'strategy'> {
  return {
    state,
    strategy: strategy === 'simple-one-for-one' ? undefined : strategy,
    restarts,
    lastFailure,
    upMs: upSinceMs === undefined ? undefined : now - upSinceMs,
  };
}
