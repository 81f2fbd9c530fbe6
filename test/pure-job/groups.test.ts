import { describe, expect, test } from 'vitest';
import { type GroupOptions, planGroups } from '../../src/job/driver/groups.js';
import { resolveOptions } from '../../src/job/options.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { fixedDelay, noRestart } from '../../src/supervisor/restart-strategy.js';
import { draw, sink, source, thrownBy } from '../stream/graph-kit.js';

/** Three unconnected streams; the third has two sinks, and a vertex of its own after a shuffle. */
const plan = planJob(
  graphData(
    draw((env) => {
      env.from(source()).uid('a').sinkTo(sink()).uid('a-out');
      env.from(source()).uid('b').sinkTo(sink()).uid('b-out');
      const c = env.from(source<{ k: string }>()).uid('c');
      c.sinkTo(sink()).uid('c-out');
      c.keyBy(({ k }) => k)
        .count()
        .uid('c-count')
        .sinkTo(sink())
        .uid('c-counts');
    }),
  ),
  { slots: 2, keyGroups: 8 },
);
const restart = noRestart();
const group = (name: string, operators: readonly string[]): GroupOptions => ({
  name,
  operators,
  strategy: 'rest-for-one',
  restart: fixedDelay(),
});

describe('regions', () => {
  test('are what is connected, by whatever edges', () => {
    expect(plan.regions.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(plan.regions[2]!.operators).toEqual(['c', 'c-out', 'c-count', 'c-counts']);
    const all = plan.regions.flatMap(({ vertices }) => vertices).sort();
    expect(all).toEqual(plan.vertices.map(({ index }) => index));
  });

  test('are one where streams are united', () => {
    const united = draw((env) => {
      const right = env.from(source<number>()).uid('right');
      env.from(source<number>()).uid('left').union(right).sinkTo(sink()).uid('both');
      env.from(source<number>()).uid('other').sinkTo(sink()).uid('out');
    });
    const { regions } = planJob(graphData(united), { slots: 1, keyGroups: 8 });
    expect(regions.map(({ operators }) => operators.length)).toEqual([3, 2]);
  });

  test('have the slots that have tasks of them', () => {
    const narrow = draw((env) => {
      env.from(source()).uid('a').parallelism(1).sinkTo(sink()).uid('b').parallelism(1);
      env.from(source()).uid('c').sinkTo(sink()).uid('d');
    });
    const { regions } = planJob(graphData(narrow), { slots: 3, keyGroups: 8 });
    expect(regions[0]!.slots).toHaveLength(1);
    expect(regions[1]!.slots).toEqual([0, 1, 2]);
  });
});

describe('groups', () => {
  test('without any, each region has one of its own, under the strategy of the job', () => {
    expect(planGroups(plan, [], restart)).toEqual(
      [0, 1, 2].map((region) => ({
        name: undefined,
        strategy: 'one-for-one',
        restart,
        regions: [region],
      })),
    );
  });

  test('hold the regions of their operators, in the order in which these are listed', () => {
    const groups = planGroups(plan, [group('mine', ['c-counts', 'a', 'c'])], restart);
    expect(groups.map(({ name, regions }) => [name, regions])).toEqual([
      ['mine', [2, 0]],
      [undefined, [1]],
    ]);
    expect(groups[0]).toMatchObject({ strategy: 'rest-for-one', restart: fixedDelay() });
  });

  test('an operator that the job does not have is refused, with those that it has', () => {
    const error = thrownBy(() => planGroups(plan, [group('mine', ['d'])], restart));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toMatch(/group 'mine' names operator 'd'.*'a', 'a-out', 'b'/s);
  });

  test('two groups cannot have parts of one region', () => {
    const groups = [group('one', ['c']), group('two', ['b', 'c-count'])];
    const error = thrownBy(() => planGroups(plan, groups, restart));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toMatch(/'c-count' of group 'two' is connected with one of group 'one'/);
  });
});

describe('the option', () => {
  test('has defaults', () => {
    const options = resolveOptions({
      restart: noRestart(),
      supervision: { groups: [{ name: 'g', operators: ['a'] }] },
    });
    expect(options.supervision.groups).toEqual([
      { name: 'g', operators: ['a'], strategy: 'one-for-one', restart: noRestart() },
    ]);
    expect(resolveOptions().supervision.groups).toEqual([]);
  });

  test.each([
    [{ groups: {} }, 'supervision.groups'],
    [{ group: [] }, 'supervision.group'],
    [{ groups: [{ operators: ['a'] }] }, 'supervision.groups[0].name'],
    [{ groups: [{ name: 'g', operators: [] }] }, 'supervision.groups[0].operators'],
    [{ groups: [{ name: 'g', operators: [1] }] }, 'supervision.groups[0].operators'],
    [
      { groups: [{ name: 'g', operators: ['a'], strategy: 'one_for_one' }] },
      'supervision.groups[0].strategy',
    ],
    [{ groups: [{ name: 'g', operators: ['a'], restart: 'always' }] }, 'restart'],
    [
      {
        groups: [
          { name: 'g', operators: ['a'] },
          { name: 'g', operators: ['b'] },
        ],
      },
      'supervision.groups[1].name',
    ],
  ])('%j is refused', (supervision, option) => {
    const error = thrownBy(() => resolveOptions({ supervision: supervision as never }));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain(`option ${option}`);
  });
});
