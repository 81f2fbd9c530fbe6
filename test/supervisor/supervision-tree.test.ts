/** Supervisors under supervisors. */

import { describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { exponentialBackoff, fixedDelay } from '../../src/supervisor/restart-strategy.js';
import { SupervisionTree, type TreeSpec } from '../../src/supervisor/supervision-tree.js';
import { failureOf } from './supervisor-kit.js';
import { TreeBench } from './tree-kit.js';

/** Three levels: `r/x`, `r/g/a`, `r/g/h/b`, `r/g/h/c`, `r/g/d`, `r/y`. */
const three: TreeSpec = {
  id: 'r',
  children: [
    { id: 'x' },
    {
      id: 'g',
      children: [{ id: 'a' }, { id: 'h', children: [{ id: 'b' }, { id: 'c' }] }, { id: 'd' }],
    },
    { id: 'y' },
  ],
};
const leaves = ['r/x', 'r/g/a', 'r/g/h/b', 'r/g/h/c', 'r/g/d', 'r/y'];
const starts = leaves.map((path) => `start ${path}`);
const stops = leaves.toReversed().map((path) => `stop ${path}`);
const under = (path: string, lines: readonly string[]): string[] =>
  lines.filter((line) => line.includes(`${path}/`));

describe('a tree of three levels', () => {
  it('starts in order, each leaf when the one before has started, and stops in reverse order', () => {
    const bench = new TreeBench(three);
    expect(bench.rest(bench.send({ kind: 'start' }))).toEqual(starts);
    expect(bench.tree.hasStarted).toBe(true);
    expect(bench.rest(bench.stop())).toEqual([...stops, 'ended shutdown']);
    expect(bench.tree.hasStarted).toBe(false);
    expect([bench.stop(), bench.kill('r/g'), bench.fails('r/x')]).toEqual([[], [], []]);
  });

  it('a supervisor has started when its children have', () => {
    const bench = new TreeBench(three);
    bench.send({ kind: 'start' });
    bench.up('r/x');
    bench.up('r/g/a');
    expect(bench.up('r/g/h/b')).toEqual(['start r/g/h/c']);
    const state = (path: string) => bench.node(path).state;
    expect(['r', 'r/g', 'r/g/h', 'r/y'].map(state)).toEqual([
      'starting',
      'starting',
      'starting',
      'down',
    ]);
    expect(bench.up('r/g/h/c')).toEqual(['start r/g/d']);
    expect(state('r/g/h')).toBe('running');
    expect(bench.up('r/g/d')).toEqual(['start r/y']);
    expect(state('r/g')).toBe('running');
  });

  it('a failure stays in its supervisor while the budget lasts', () => {
    const bench = TreeBench.running(three);
    expect(bench.fails('r/g/h/b')).toEqual([
      'restarting r/g/h: b #1 in 0: r/g/h/b',
      'start r/g/h/b #1',
    ]);
  });

  it('killing a middle supervisor stops exactly its subtree, and its parent restarts it', () => {
    const bench = TreeBench.running(three);
    const told = bench.rest(bench.kill('r/g'));
    expect(told).toEqual([
      ...under('r/g', stops),
      'restarting r: g #1 in 0: killed',
      ...under('r/g', starts),
    ]);
    expect(new Set(bench.states().map((line) => line.split(':')[1]))).toEqual(new Set(['running']));
    expect(bench.node('r/g').restarts).toBe(1);
    expect(bench.node('r/g/h/b')).toMatchObject({ restarts: 1, lastFailure: undefined });
    expect(bench.node('r/x').restarts).toBe(0);
  });

  it('a dying supervisor answers no failures any more, and is killed once', () => {
    const bench = TreeBench.running(three);
    expect(bench.kill('r/g/h')).toEqual(['stop r/g/h/c']);
    expect(bench.kill('r/g/h')).toEqual([]);
    expect(bench.fails('r/g/h/b')).toEqual([]);
    expect(bench.ends('r/g/h/c')).toEqual(['restarting r/g: h #1 in 0: killed', 'start r/g/h/b']);
  });

  it('killing the root stops all and ends it as failed', () => {
    const bench = TreeBench.running(three);
    expect(bench.rest(bench.kill('r'))).toEqual([...stops, 'ended failed after 0: killed']);
    expect(bench.node('r').lastFailure).toEqual(failureOf('killed'));
  });

  it('a supervisor that was killed and is back is stopped like any other', () => {
    const bench = TreeBench.running(three);
    bench.rest(bench.kill('r/g'));
    const reports = bench.reports.length;
    const event = { kind: 'terminate-child', token: 1, path: 'r/g' } as const;
    expect(bench.rest(bench.send(event)).at(-1)).toBe('reply 1: terminated g');
    expect(bench.reports).toHaveLength(reports);
  });

  it('a failure that was being answered by giving up is not hidden by a kill', () => {
    const bench = TreeBench.running({ ...three, intensity: 0 });
    bench.fails('r/y', 'why');
    bench.kill('r');
    expect(bench.rest(['stop r/g/d']).at(-1)).toBe('ended failed after 0: why');
  });

  it('kills only what there is, and what lives', () => {
    const bench = new TreeBench(three);
    const kills = ['r', 'r/g', 'r/nobody'].map((path) => bench.kill(path));
    expect(kills).toEqual([[], [], []]);
    expect(bench.rest(bench.send({ kind: 'start' }))).toEqual(starts);
    expect(() => bench.kill('r/x')).toThrow(
      expect.toSatisfy((error) => isHoldfastError(error, 'ERR_HOLDFAST_INTERNAL')),
    );
  });

  it('a supervisor whose work is done ends normally, and is not started again', () => {
    const part = (id: string) => ({
      id,
      restart: 'transient' as const,
      significant: true,
      children: [{ id: 'a' }, { id: 'b' }],
    });
    const spec = { id: 'r', autoShutdown: 'all-significant' as const };
    const bench = TreeBench.running({ ...spec, children: [part('g'), part('h')] });
    expect(bench.rest(bench.finish('r/g'))).toEqual(['stop r/g/b', 'stop r/g/a']);
    expect([bench.node('r/g').state, bench.reports]).toEqual(['down', []]);
    expect([bench.finish('r/g'), bench.kill('r/g'), bench.finish('r/nobody')]).toEqual([
      [],
      [],
      [],
    ]);
    expect(bench.rest(bench.finish('r/h'))).toEqual([
      'stop r/h/b',
      'stop r/h/a',
      'ended auto-shutdown',
    ]);
  });

  it('a supervisor that dies while it finishes has died', () => {
    const bench = TreeBench.running(three);
    bench.finish('r/g/h');
    bench.kill('r/g/h');
    expect(bench.rest(['stop r/g/h/c'])).toContain('restarting r/g: h #1 in 0: killed');
  });

  it('an escalation is an abnormal end for the parent, up to the root', () => {
    const bench = TreeBench.running(three);
    const fail = (why: string): string[] => bench.rest(bench.fails('r/g/h/b', why));
    fail('1');
    expect(fail('2')).toEqual([
      'stop r/g/h/c',
      'escalated r/g/h after 1: 2',
      'restarting r/g: h #1 in 0: 2',
      'start r/g/h/b',
      'start r/g/h/c',
    ]);
    fail('3'); // the budget of what was made anew is a new one
    expect(fail('4')).toEqual([
      'stop r/g/h/c',
      'escalated r/g/h after 1: 4',
      'stop r/g/d',
      'stop r/g/a',
      'escalated r/g after 1: 4',
      'restarting r: g #1 in 0: 4',
      ...under('r/g', starts),
    ]);
    for (const why of ['5', '6', '7']) fail(why);
    expect(fail('8').at(-1)).toBe('ended failed after 1: 8');
    expect(bench.node('r').state).toBe('down');
    expect(bench.reports.slice(-3)).toEqual([
      'child-terminated r/g/h/b: 8',
      'child-terminated r/g/h: 8',
      'child-terminated r/g: 8',
    ]);
  });

  it('a leaf that cannot start for the first time fails every supervisor above it', () => {
    const bench = new TreeBench(three);
    bench.send({ kind: 'start' });
    bench.up('r/x');
    bench.up('r/g/a');
    const event = { kind: 'start-failed', path: 'r/g/h/b', failure: failureOf('no') } as const;
    expect(bench.rest(bench.send(event))).toEqual([
      'escalated r/g/h after 0: no',
      'stop r/g/a',
      'escalated r/g after 0: no',
      'stop r/x',
      'ended failed after 0: no',
    ]);
    expect(bench.reports).toEqual([
      'start-error r/g/h/b: no',
      'start-error r/g/h: no',
      'start-error r/g: no',
    ]);
  });

  it('one whose budget stands at the root: everything below escalates to it at once', () => {
    const backoff = fixedDelay({ attempts: 2, delayMs: 10 });
    const bench = TreeBench.running({
      id: 'job',
      backoff,
      firstStart: 'restart',
      strategy: 'one-for-all',
      children: [
        { id: 's', intensity: 0, children: [{ id: 'a' }, { id: 'b' }] },
        { id: 't', intensity: 0, children: [{ id: 'c' }] },
      ],
    });
    expect(bench.rest(bench.fails('job/s/a'))).toEqual([
      'stop job/s/b',
      'escalated job/s after 0: job/s/a',
      'restarting job: s t #1 in 10: job/s/a',
      'stop job/t/c',
    ]);
    expect(bench.tree.nextDeadline()).toBe(10);
    expect(bench.rest(bench.at(10).tick())).toEqual([
      'start job/s/a',
      'start job/s/b',
      'start job/t/c',
    ]);
  });

  it('the end of what shuts itself down is a normal one for the parent', () => {
    const tree = (restart: 'permanent' | 'transient'): TreeSpec => ({
      id: 'r',
      autoShutdown: restart === 'transient' ? 'all-significant' : 'never',
      children: [
        {
          id: 'job',
          restart,
          significant: restart === 'transient',
          autoShutdown: 'all-significant',
          children: [
            { id: 'helper' },
            { id: 'a', restart: 'transient', significant: true },
            { id: 'b', restart: 'transient', significant: true },
          ],
        },
        { id: 'other' },
      ],
    });
    const bench = TreeBench.running(tree('transient'));
    expect(bench.ends('r/job/a', 'normal')).toEqual([]);
    expect(bench.rest(bench.ends('r/job/b', 'normal'))).toEqual([
      'stop r/job/helper',
      'stop r/other',
      'ended auto-shutdown',
    ]);
    expect(bench.reports).toEqual([]);
    const again = TreeBench.running(tree('permanent'));
    again.ends('r/job/a', 'normal');
    expect(again.rest(again.ends('r/job/b', 'normal')).slice(1, 3)).toEqual([
      "restarting r: job #1 in 0: 'job' ended normally, and it is permanent",
      'start r/job/helper',
    ]);
  });

  it('a supervisor whose time to stop is over is killed with all under it, at once', () => {
    const bench = TreeBench.running({
      id: 'r',
      children: [
        {
          id: 'g',
          shutdown: 50,
          children: [
            { id: 'a', shutdown: 'infinity' },
            { id: 'h', children: [{ id: 'b' }, { id: 'c', shutdown: 'infinity' }] },
          ],
        },
      ],
    });
    expect(bench.stop()).toEqual(['stop r/g/h/c']);
    expect(bench.at(50).tick()).toEqual(['kill r/g/a', 'kill r/g/h/c', 'kill r/g/h/b']);
    expect(['r/g/h/c', 'r/g/a', 'r/g/h/b'].map((path) => bench.ends(path, 'killed'))).toEqual([
      [],
      [],
      ['ended shutdown'],
    ]);
    expect(bench.reports).toEqual([
      "shutdown-error r/g: 'g' did not end within the 50 ms of its shutdown, and was killed",
    ]);
  });

  it('a stop comes between the restarts of a leaf that cannot start', () => {
    const backoff = fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 5 });
    const bench = TreeBench.running({
      id: 'r',
      children: [{ id: 'g', backoff, children: [{ id: 'a' }] }],
    });
    bench.fails('r/g/a');
    for (let n = 1; n <= 100; n += 1) {
      expect(bench.at(5 * n).tick()).toEqual([`start r/g/a #${n}`]);
      bench.send({ kind: 'start-failed', path: 'r/g/a' });
    }
    expect(bench.stop()).toEqual(['ended shutdown']);
    expect(bench.tree.nextDeadline()).toBeUndefined();
  });

  it('what an old leaf of a supervisor that was made anew still says is late', () => {
    const bench = TreeBench.running(three);
    const incarnation = bench.incarnations.get('r/g/h/b')!;
    bench.rest(bench.kill('r/g'));
    for (const reason of ['normal', 'shutdown', 'abnormal'] as const) {
      const event = { kind: 'child-ended', path: 'r/g/h/b', reason, incarnation } as const;
      expect(bench.send(event)).toEqual([]);
    }
    expect(bench.incarnations.get('r/g/h/b')).toBeGreaterThan(incarnation);
  });

  it('progress begins the back-offs of one supervisor anew, or of all', () => {
    const backoff = fixedDelay({ attempts: 1, delayMs: 0 });
    const bench = TreeBench.running({
      id: 'r',
      backoff,
      children: [
        { id: 'g', backoff, children: [{ id: 'a' }] },
        { id: 'h', backoff, children: [{ id: 'b' }] },
      ],
    });
    const restarts = (path: string) => bench.rest(bench.fails(path))[0]!.startsWith('restarting');
    expect([restarts('r/g/a'), restarts('r/h/b')]).toEqual([true, true]);
    bench.send({ kind: 'progress', path: 'r/g' });
    expect([restarts('r/g/a'), restarts('r/h/b')]).toEqual([true, false]);
    bench.send({ kind: 'progress' });
    expect([restarts('r/g/a'), restarts('r/h/b')]).toEqual([true, true]);
  });
});

describe('administration of a tree', () => {
  it('adds, terminates, restarts and deletes a subtree', () => {
    const bench = TreeBench.running(three);
    const spec = { id: 'k', children: [{ id: 'm' }, { id: 'n' }] };
    const path = 'r/g/k';
    expect(bench.rest(bench.send({ kind: 'start-child', token: 1, path: 'r/g', spec }))).toEqual([
      'start r/g/k/m',
      'start r/g/k/n',
      'reply 1: started k',
    ]);
    expect(bench.rest(bench.send({ kind: 'terminate-child', token: 2, path }))).toEqual([
      'stop r/g/k/n',
      'stop r/g/k/m',
      'reply 2: terminated k',
    ]);
    expect(bench.rest(bench.send({ kind: 'restart-child', token: 3, path }))).toEqual([
      'start r/g/k/m',
      'start r/g/k/n',
      'reply 3: started k',
    ]);
    bench.rest(bench.send({ kind: 'terminate-child', token: 4, path }));
    expect(bench.send({ kind: 'delete-child', token: 5, path })).toEqual(['reply 5: deleted k']);
    expect(bench.states().join()).not.toContain('r/g/k');
    expect(bench.send({ kind: 'delete-child', token: 6, path })).toEqual([
      'reply 6: refused not-found',
    ]);
  });

  it('what was added is forgotten when its supervisor is made anew; what was deleted is back', () => {
    const bench = TreeBench.running(three);
    bench.rest(bench.send({ kind: 'start-child', token: 1, path: 'r/g', spec: { id: 'k' } }));
    bench.rest(bench.send({ kind: 'terminate-child', token: 2, path: 'r/g/h' }));
    bench.send({ kind: 'delete-child', token: 3, path: 'r/g/h' });
    // Another child of the same name.
    const spec = { id: 'h' };
    expect(bench.rest(bench.send({ kind: 'start-child', token: 4, path: 'r/g', spec }))).toEqual([
      'start r/g/h',
      'reply 4: started h',
    ]);
    bench.rest(bench.kill('r/g'));
    expect(bench.states().filter((line) => line.startsWith('r/g/'))).toEqual([
      'r/g/a:running',
      'r/g/h:running',
      'r/g/h/b:running',
      'r/g/h/c:running',
      'r/g/d:running',
    ]);
  });

  it('a name is free again when its temporary child has ended, also for something else', () => {
    const bench = TreeBench.running(three);
    const add = (token: number, spec: TreeSpec['children'][number]): string[] =>
      bench.rest(bench.send({ kind: 'start-child', token, path: 'r', spec }));
    add(1, { id: 'k', restart: 'temporary' });
    bench.fails('r/k');
    expect(add(2, { id: 'k', restart: 'temporary', children: [{ id: 'm' }] })).toEqual([
      'start r/k/m',
      'reply 2: started k',
    ]);
    expect(bench.node('r/k')).toMatchObject({ restarts: 0, lastFailure: undefined });
    bench.rest(bench.kill('r/k'));
    expect(add(3, { id: 'k' })).toEqual(['start r/k', 'reply 3: started k']);
  });

  it('trees of one template, as dynamic children, stop together', () => {
    const bench = TreeBench.running({
      id: 'r',
      strategy: 'simple-one-for-one',
      children: [{ id: 'template', restart: 'temporary', children: [{ id: 'a' }, { id: 'b' }] }],
    });
    for (const id of ['j1', 'j2']) {
      expect(bench.rest(bench.send({ kind: 'start-child', token: id, path: 'r', id }))).toEqual([
        `start r/${id}/a`,
        `start r/${id}/b`,
        `reply ${id}: started ${id}`,
      ]);
    }
    expect(bench.rest(bench.kill('r/j1'))).toEqual(['stop r/j1/b', 'stop r/j1/a']);
    expect(bench.states()).toEqual([
      'r:running',
      'r/j2:running',
      'r/j2/a:running',
      'r/j2/b:running',
    ]);
    bench.rest(bench.send({ kind: 'start-child', token: 3, path: 'r', id: 'j3' }));
    expect(bench.stop()).toEqual(['stop r/j3/b', 'stop r/j2/b']);
  });

  it.each([
    ['an unknown supervisor', { path: 'r/nobody', spec: { id: 'k' } }, 'not-found'],
    ['a leaf as a supervisor', { path: 'r/x', spec: { id: 'k' } }, 'not-found'],
    ['a slash', { path: 'r', spec: { id: 'k/l' } }, 'bad-child-spec'],
    ['no id', { path: 'r', spec: {} as never }, 'bad-child-spec'],
    ['nothing', { path: 'r', spec: undefined as never }, 'bad-child-spec'],
    [
      'a mistake deep inside',
      { path: 'r', spec: { id: 'k', children: [{ id: 'a' }, { id: 'a' }] } },
      'bad-child-spec',
    ],
    ['an id for a supervisor without a template', { path: 'r', id: 'k' }, 'bad-child-spec'],
  ])('refuses %s', (_, given, reason) => {
    const bench = TreeBench.running(three);
    const event = { kind: 'start-child', token: 1, ...given } as never;
    expect(bench.send(event)).toEqual([`reply 1: refused ${reason}`]);
    expect(bench.send({ kind: 'restart-child', token: 2, path: 'r' })).toEqual([
      'reply 2: refused not-found',
    ]);
  });

  it('answers requests to what does not run', () => {
    const bench = new TreeBench(three);
    const event = { kind: 'start-child', token: 1, path: 'r/g', spec: { id: 'k' } } as const;
    expect(bench.send(event)).toEqual(['reply 1: refused not-running']);
    bench.rest(bench.send({ kind: 'start' }));
    bench.rest(bench.stop());
    expect(bench.send(event)).toEqual(['reply 1: refused not-running']);
  });
});

describe('a tree is checked as a whole', () => {
  it.each<[string, TreeSpec, string, string | undefined]>([
    ['no id', { children: [] } as never, 'missing-id', undefined],
    ['nothing', undefined as never, 'missing-id', undefined],
    ['a slash in a name', { id: 'a/b', children: [] }, 'invalid-id', undefined],
    ['a slash in a leaf', { id: 'r', children: [{ id: 'a/b' }] }, 'invalid-id', 'r'],
    ['no children', { id: 'r', children: undefined as never }, 'bad-start-spec', 'r'],
    [
      'a mistake in the middle',
      { id: 'r', children: [{ id: 'g', intensity: -1, children: [] }] },
      'invalid-intensity',
      'r/g',
    ],
    [
      'a supervisor that is significant for nobody',
      { id: 'r', children: [{ id: 'g', significant: true, restart: 'transient', children: [] }] },
      'bad-combination',
      'r',
    ],
  ])('%s', (_, spec, reason, path) => {
    try {
      new SupervisionTree(spec, seededRandom(1));
    } catch (error) {
      if (!isHoldfastError(error, 'ERR_HOLDFAST_BAD_CHILD_SPEC')) throw error;
      expect(error.details).toMatchObject({ reason });
      expect(error.details['path']).toBe(path);
      return;
    }
    throw new Error('it was accepted');
  });

  it('one that contains itself is refused', () => {
    const children: TreeSpec[] = [];
    const spec: TreeSpec = { id: 'r', children };
    children.push(spec);
    expect(() => new SupervisionTree(spec, seededRandom(1))).toThrow('nested deeper than 32');
  });
});

describe('describe', () => {
  it('tells state, budget, restarts, the last failure and since when each part runs', () => {
    const bench = TreeBench.running({
      id: 'r',
      intensity: 3,
      periodMs: 60_000,
      children: [
        {
          id: 'g',
          strategy: 'rest-for-one',
          backoff: exponentialBackoff({ jitter: 0 }),
          children: [{ id: 'a', restart: 'transient' }, { id: 'b' }],
        },
      ],
    });
    bench.at(100).fails('r/g/b', 'why');
    expect(bench.node('r/g/b')).toMatchObject({ state: 'restarting', upSinceMs: undefined });
    bench.rest(bench.at(110).tick());
    expect(bench.tree.describe(120)).toEqual({
      id: 'r',
      path: 'r',
      kind: 'supervisor',
      state: 'running',
      strategy: 'one-for-one',
      budget: '0 of 3 restarts within 60000 ms',
      restartType: 'temporary',
      significant: false,
      restarts: 0,
      lastFailure: undefined,
      upSinceMs: 0,
      children: [
        {
          id: 'g',
          path: 'r/g',
          kind: 'supervisor',
          state: 'running',
          strategy: 'rest-for-one',
          budget: '1 of 10 restarts without progress, after 10 to 10000 ms',
          restartType: 'permanent',
          significant: false,
          restarts: 0,
          lastFailure: undefined,
          upSinceMs: 0,
          children: [
            {
              id: 'a',
              path: 'r/g/a',
              kind: 'worker',
              state: 'running',
              restartType: 'transient',
              significant: false,
              restarts: 0,
              lastFailure: undefined,
              upSinceMs: 0,
              children: [],
            },
            {
              id: 'b',
              path: 'r/g/b',
              kind: 'worker',
              state: 'running',
              restartType: 'permanent',
              significant: false,
              restarts: 1,
              lastFailure: failureOf('why'),
              upSinceMs: 110,
              children: [],
            },
          ],
        },
      ],
    });
  });
});
