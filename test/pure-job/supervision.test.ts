/** The job's supervisors, from the task to the group whose budget decides. */

import { expect, test } from 'vitest';
import type { Failure } from '../../src/base/failure.js';
import { seededRandom } from '../../src/base/random.js';
import type { FailedPart } from '../../src/job/driver/driver-events.js';
import { planGroups } from '../../src/job/driver/groups.js';
import { Supervision, type SupervisionEvent } from '../../src/job/driver/supervision.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import {
  fixedDelay,
  noRestart,
  type RestartStrategy,
} from '../../src/supervisor/restart-strategy.js';
import { SupervisionTree, type TreeNode } from '../../src/supervisor/supervision-tree.js';
import { draw, sink, source } from '../stream/graph-kit.js';

const failure: Failure = { kind: 'user-code', name: 'Error', message: 'broken' };

/** A source and a chain behind a shuffle in each region. */
function stage(
  regions = 1,
  slots = 2,
  restart: RestartStrategy = fixedDelay({ attempts: 2, delayMs: 0 }),
) {
  const plan = planJob(
    graphData(
      draw((env) => {
        for (let at = 0; at < regions; at += 1) {
          env
            .from(source<number>())
            .uid(`source-${at}`)
            .keyBy((value) => value)
            .reduce((a) => a)
            .uid(`total-${at}`)
            .sinkTo(sink());
        }
      }),
    ),
    { slots, keyGroups: 128 },
  );
  const supervision = new Supervision(plan, planGroups(plan, [], restart), seededRandom(1));
  const tell = (event: SupervisionEvent) => supervision.handle(event, 0);
  const fail = (part: FailedPart, slot = 0) =>
    tell({ kind: 'region-failed', region: 0, part, slot, failure });
  const ended = (vertex: number, instance: number) =>
    tell({ kind: 'task-ended', region: 0, vertex, instance });
  const running = (): void => {
    tell({ kind: 'start' });
    for (let region = 0; region < regions; region += 1) tell({ kind: 'region-started', region });
  };
  /** By path below the first group: state of each node. */
  const states = (): Record<string, string> => {
    const found: Record<string, string> = {};
    const look = (node: TreeNode): void => {
      const path = node.path.split('/').slice(2).join('/');
      if (path.startsWith('region-0')) found[path] = node.state;
      node.children.forEach(look);
    };
    look(supervision.describe(0).children[1]!);
    return found;
  };
  const node = (path: string): TreeNode => {
    const find = (at: TreeNode): TreeNode | undefined =>
      at.path === path ? at : at.children.map(find).find((one) => one !== undefined);
    return find(supervision.describe(0))!;
  };
  return { supervision, tell, fail, ended, running, states, node };
}

const LAUNCH = { kind: 'launch', region: 0 };
const RESTARTING = { kind: 'restarting', regions: [0], delayMs: 0 };
const taskStates = (it: ReturnType<typeof stage>) =>
  Object.entries(it.states()).filter(([path]) => path.includes('task'));

test('a region is launched once, and all its tasks are told as started when it runs', () => {
  const it = stage();
  expect(it.tell({ kind: 'start' })).toEqual([{ ...LAUNCH, attempt: 0 }]);
  expect(taskStates(it).map(([, state]) => state)).toEqual(['starting', 'down', 'down', 'down']);
  expect(it.tell({ kind: 'region-started', region: 0 })).toEqual([]);
  expect(it.states()).toEqual({
    'region-0': 'running',
    'region-0/slot-0': 'running',
    'region-0/slot-0/task-0-0': 'running',
    'region-0/slot-0/task-1-0': 'running',
    'region-0/slot-1': 'running',
    'region-0/slot-1/task-0-1': 'running',
    'region-0/slot-1/task-1-1': 'running',
  });
});

test.each([
  ['a task', { kind: 'task', vertex: 1, instance: 1 }],
  ['a slot', { kind: 'slot' }],
  ['the region', { kind: 'region' }],
] as const)(
  'the failure of %s escalates to the group in one step, and is told where it was',
  (_, part) => {
    const it = stage();
    it.running();
    expect(it.fail(part, 1)).toEqual([
      { ...RESTARTING, attempt: 1 },
      { ...LAUNCH, attempt: 1 },
    ]);
    const paths = ['/slot-1/task-1-1', '/slot-1', ''].map((path) => `job/group-0/region-0${path}`);
    const from = ['task', 'slot', 'region'].indexOf(part.kind);
    const failures = paths.map((path) => it.node(path).lastFailure?.message);
    expect(failures).toEqual(paths.map((_, at) => (at < from ? undefined : 'broken')));
    expect(it.node('job/group-0/region-0/slot-0').lastFailure).toBeUndefined();
  },
);

test('a launch that fails is a start that failed, whichever slot it was', () => {
  const it = stage();
  it.tell({ kind: 'start' });
  expect(it.fail({ kind: 'slot' }, 1)).toEqual([
    { ...RESTARTING, attempt: 1 },
    { ...LAUNCH, attempt: 1 },
  ]);
});

test('when the budget is spent, giving up is all that is decided', () => {
  const it = stage(1, 2, noRestart());
  it.running();
  expect(it.fail({ kind: 'slot' })).toEqual([{ kind: 'give-up', failure, attempts: 0 }]);
});

test('a task that has ended normally stays so, and takes part again when its region is restarted', () => {
  const it = stage();
  it.running();
  expect(it.ended(0, 1)).toEqual([]);
  expect(it.states()).toMatchObject({
    'region-0/slot-1/task-0-1': 'down',
    'region-0/slot-1': 'running',
  });
  it.fail({ kind: 'task', vertex: 1, instance: 0 });
  it.tell({ kind: 'region-started', region: 0 });
  expect(taskStates(it).every(([, state]) => state === 'running')).toBe(true);
});

test('a task may end before it is told as started, and all may: the region goes on until its output is committed', () => {
  const it = stage();
  it.tell({ kind: 'start' });
  it.ended(0, 0);
  it.tell({ kind: 'region-started', region: 0 });
  expect(it.states()['region-0/slot-0/task-0-0']).toBe('down');
  for (const [vertex, instance] of [
    [0, 1],
    [1, 0],
    [1, 1],
  ] as const)
    it.ended(vertex, instance);
  expect(it.states()).toMatchObject({ 'region-0': 'running', 'region-0/slot-0': 'running' });
  // A thread that dies now takes the region with it, as ever; and so does the failure of one that has ended.
  expect(it.fail({ kind: 'task', vertex: 0, instance: 0 })).toContainEqual({
    ...LAUNCH,
    attempt: 1,
  });
});

test('the job has ended when the work of all its regions is done', () => {
  const it = stage(2);
  it.running();
  it.ended(0, 0);
  expect(it.tell({ kind: 'completed' })).toEqual([{ kind: 'ended' }]);
  expect(new Set(Object.values(it.states()))).toEqual(new Set(['down']));
});

test('the work per failure follows the tasks of the region, not those of the job', () => {
  const handled = (regions: number, slots: number): number => {
    const it = stage(regions, slots);
    it.running();
    let count = 0;
    const { handle } = SupervisionTree.prototype;
    SupervisionTree.prototype.handle = function (event, now) {
      count += 1;
      return handle.call(this, event, now);
    };
    try {
      it.fail({ kind: 'slot' });
    } finally {
      SupervisionTree.prototype.handle = handle;
    }
    return count;
  };
  expect(handled(40, 4)).toBe(handled(1, 4));
  // The failure, and the end of each task.
  expect([handled(1, 2), handled(1, 64)]).toEqual([1 + 4, 1 + 128]);
});
