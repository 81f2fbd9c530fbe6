/** The supervision tree of a running job as data: who restarts whom, how often it had to, and why. */

import type { JobPlan, PlanRegion } from '../../stream/graph/plan.js';
import type { TreeNode } from '../../supervisor/supervision-tree.js';
import type { JobTreeNode, SlotInfo } from '../job-types.js';
import type { Group } from './groups.js';
import type { Region } from './region.js';
import { COORDINATOR, groupPath, regionPath } from './supervision.js';

export interface JobTreeInput {
  readonly plan: JobPlan;
  readonly groups: readonly Group[];
  readonly regions: readonly Region[];
  readonly slots: readonly SlotInfo[];
  /** The tree as the supervision machines tell it. */
  readonly root: TreeNode;
  /** `performance.now()` ms. */
  readonly now: number;
}

export function jobTree(input: JobTreeInput): JobTreeNode {
  const { plan, groups, root } = input;
  const nodes = new Map<string, TreeNode>();
  const collect = (node: TreeNode): void => {
    nodes.set(node.path, node);
    for (const child of node.children) collect(child);
  };
  collect(root);
  return {
    kind: 'job',
    id: plan.graph.job,
    ...shownState(root, input.now),
    strategy: 'one-for-all',
    children: [
      {
        kind: 'coordinator',
        id: 'coordinator',
        ...shownState(nodes.get(COORDINATOR)!, input.now),
        children: [],
      },
      ...groups.map((group, at): JobTreeNode => {
        const node = nodes.get(groupPath(at))!;
        const regions = group.regions.map((region) =>
          regionNode(input, nodes.get(regionPath(at, region))!, region),
        );
        // A region that no group names stands for its group: the group's budget is the region's.
        if (group.name === undefined) return { ...regions[0]!, budget: node.budget };
        return {
          kind: 'group',
          id: group.name,
          ...shownState(node, input.now),
          restarts: regions.reduce((sum, { restarts }) => sum + restarts, 0),
          strategy: group.strategy,
          budget: node.budget,
          children: regions,
        };
      }),
    ],
  };
}

function regionNode(input: JobTreeInput, node: TreeNode, index: number): JobTreeNode {
  const region = input.regions[index]!;
  const { upSinceMs } = region;
  return {
    kind: 'region',
    id: region.plan.id,
    state: node.state,
    strategy: 'one-for-all',
    restarts: region.restarts,
    lastFailure: region.lastFailure,
    upMs: upSinceMs === undefined ? undefined : input.now - upSinceMs,
    children: region.plan.slots.map((slot) => slotNode(input, node.state, region, slot)),
  };
}

function slotNode(
  input: JobTreeInput,
  state: JobTreeNode['state'],
  region: Region,
  slot: number,
): JobTreeNode {
  const info = input.slots[slot]!;
  const { upSinceMs } = region;
  const upMs = upSinceMs === undefined ? undefined : input.now - upSinceMs;
  return {
    kind: 'slot',
    id: `slot ${slot}`,
    state: info.verdict === 'dead' ? 'down' : state,
    strategy: 'one-for-all',
    restarts: info.restarts,
    lastFailure: region.lastFailureOn(slot),
    upMs,
    children: tasksOn(input.plan, region.plan, slot).map((id) => ({
      kind: 'task',
      id,
      state,
      restarts: region.restarts,
      upMs,
      children: [],
    })),
  };
}

function tasksOn(plan: JobPlan, region: PlanRegion, slot: number): readonly string[] {
  return region.vertices.flatMap((index) => {
    const vertex = plan.vertices[index]!;
    return vertex.slots.flatMap((at, instance) =>
      at === slot ? [`${vertex.id}#${instance}`] : [],
    );
  });
}

function shownState(
  node: TreeNode,
  now: number,
): Pick<JobTreeNode, 'state' | 'restarts' | 'lastFailure' | 'upMs'> {
  const { state, restarts, lastFailure, upSinceMs } = node;
  return {
    state,
    restarts,
    lastFailure,
    upMs: upSinceMs === undefined ? undefined : now - upSinceMs,
  };
}
