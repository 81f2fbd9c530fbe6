/** Dynamic and significant children, and administration while the others run. */

import { describe, expect, it } from 'vitest';
import type { ChildSpec } from '../../src/supervisor/child-spec.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import { Bench, comeToRest, type Options } from './supervisor-kit.js';

const abc = ['a', 'b', 'c'];

describe('dynamic children (simple-one-for-one)', () => {
  function dynamic(template: Omit<ChildSpec, 'id'> = {}, options: Options = {}, ids = abc): Bench {
    const spec = { ...template, id: 'template' };
    const bench = new Bench([spec], { ...options, strategy: 'simple-one-for-one' });
    expect(bench.start()).toEqual([]);
    expect(bench.supervisor.hasStarted).toBe(true);
    for (const id of ids) {
      expect(bench.asks({ kind: 'start-child', token: id, id })).toEqual([`start ${id}`]);
      expect(bench.up(id)).toEqual([`reply ${id}: started ${id}`]);
    }
    return bench;
  }

  it('adds children of the template, and counts them', () => {
    const bench = dynamic({ type: 'supervisor' });
    expect(bench.supervisor.list()).toEqual(abc);
    expect(bench.supervisor.counts()).toEqual({
      specs: 1,
      active: 3,
      supervisors: 3,
      workers: 0,
    });
  });

  it('stops one of them, and forgets it', () => {
    const bench = dynamic();
    expect(bench.asks({ kind: 'terminate-child', token: 1, child: 'b' })).toEqual(['stop b']);
    expect(bench.ends('b')).toEqual(['reply 1: terminated b']);
    expect(bench.supervisor.list()).toEqual(['a', 'c']);
  });

  it('shuts down: all are stopped together', () => {
    const bench = dynamic({ shutdown: 10 });
    expect(bench.stop()).toEqual(['stop c', 'stop b', 'stop a']);
    expect(bench.ends('b')).toEqual([]);
    expect(bench.at(10).tick().sort()).toEqual(['kill a', 'kill c']);
    expect(bench.fails('a')).toEqual([]);
    expect(bench.fails('c')).toEqual(['stopped (shutdown)']);
  });

  it('shuts down without children at once', () => {
    expect(dynamic({}, {}, []).stop()).toEqual(['stopped (shutdown)']);
  });

  it('restarts only the one that failed; escalates after the budget', () => {
    const bench = dynamic();
    expect(bench.fails('b')).toEqual(['restarting b #1 in 0: b', 'start b #1']);
    bench.up('b');
    expect(bench.fails('c')).toEqual(['stop b', 'stop a']);
    bench.ends('b');
    expect(bench.ends('a')).toEqual(['escalate after 1: c']);
  });

  it('one that fails to restart is tried again, at the cost of the budget', () => {
    const bench = dynamic({}, { backoff: fixedDelay({ attempts: 2, delayMs: 0 }) }, ['a']);
    bench.fails('a');
    expect(bench.cannotStart('a')).toEqual(['restarting a #2 in 0: a cannot', 'start a #2']);
    expect(bench.cannotStart('a')).toEqual(['escalate after 2: a cannot']);
  });

  it('a child whose start fails for ever leaves the supervisor responsive', () => {
    const backoff = fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 1 });
    const bench = dynamic({}, { backoff }, ['a', 'b']);
    bench.fails('b');
    for (let n = 1; n <= 1_000; n += 1) {
      expect(bench.at(n).tick()).toEqual([`start b #${n}`]);
      expect(bench.asks({ kind: 'start-child', token: n, id: 'b' })).toEqual([
        `reply ${n}: refused already-started`,
      ]);
      expect(bench.cannotStart('b')).toEqual([`restarting b #${n + 1} in 1: b cannot`]);
      expect(bench.supervisor.counts()).toEqual({
        specs: 1,
        active: 1,
        supervisors: 0,
        workers: 2,
      });
    }
    expect(bench.stop()).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['stopped (shutdown)']);
  });

  it('a restart that says ignore removes the child', () => {
    const bench = dynamic();
    bench.fails('b');
    expect(bench.ignores('b')).toEqual([]);
    expect(bench.supervisor.list()).toEqual(['a', 'c']);
  });

  it('a start that says ignore is no error, and leaves nothing', () => {
    const bench = dynamic({}, {}, []);
    bench.asks({ kind: 'start-child', token: 1, id: 'a' });
    expect(bench.ignores('a')).toEqual(['reply 1: ignored a']);
    expect(bench.supervisor.list()).toEqual([]);
  });

  it('a start that fails is told to the one who asked, and costs nobody anything', () => {
    const bench = dynamic({}, { intensity: 0 }, ['a']);
    bench.asks({ kind: 'start-child', token: 1, id: 'b' });
    expect(bench.cannotStart('b')).toEqual(['reply 1: refused start-failed: b cannot']);
    expect(bench.supervisor.list()).toEqual(['a']);
    expect(bench.reports).toEqual([]);
  });

  it.each(['transient', 'temporary'] as const)('%s: one that ends is forgotten', (restart) => {
    const bench = dynamic({ restart });
    expect(bench.ends('b', 'normal')).toEqual([]);
    expect(bench.supervisor.list()).toEqual(['a', 'c']);
    expect(bench.asks({ kind: 'start-child', token: 1, id: 'b' })).toEqual(['start b']);
  });

  it('a name is taken while its child lives', () => {
    const bench = dynamic();
    expect(bench.asks({ kind: 'start-child', token: 1, id: 'b' })).toEqual([
      'reply 1: refused already-started',
    ]);
  });

  it('can neither be restarted nor deleted, and are given by their id', () => {
    const bench = dynamic();
    expect([
      ...bench.asks({ kind: 'restart-child', token: 1, child: 'a' }),
      ...bench.asks({ kind: 'delete-child', token: 2, child: 'a' }),
      ...bench.asks({ kind: 'start-child', token: 3, spec: { id: 'd' } }),
      ...bench.asks({ kind: 'start-child', token: 4, id: '' }),
      ...bench.asks({ kind: 'terminate-child', token: 5, child: 'nobody' }),
    ]).toEqual([
      'reply 1: refused simple-one-for-one',
      'reply 2: refused simple-one-for-one',
      'reply 3: refused bad-child-spec',
      'reply 4: refused bad-child-spec',
      'reply 5: refused not-found',
    ]);
  });

  it('10 000 of them start, fail, end and stop', () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `child-${at}`);
    const bench = dynamic({ restart: 'transient' }, { intensity: 10_000 }, names);
    for (const name of names) bench.fails(name);
    for (const name of names) bench.up(name);
    for (const name of names.slice(0, 5_000)) bench.ends(name, 'normal');
    const stops = bench.stop();
    expect(stops).toHaveLength(5_000);
    expect(comeToRest(bench, stops).at(-1)).toBe('stopped (shutdown)');
  });
});

describe('significant children', () => {
  const significant = { restart: 'transient', significant: true } as const;
  const children = [{ id: 'a' }, { id: 's', ...significant }, { id: 't', ...significant }];

  it('never: the end of any child ends nobody else', () => {
    const bench = Bench.running([{ id: 'a', restart: 'temporary' }, 'b']);
    expect(bench.ends('a', 'normal')).toEqual([]);
    expect(bench.states()).toBe('b:running');
  });

  it.each(['normal', 'shutdown'] as const)(
    'any-significant: the first one that ends (%s) ends the supervisor, the rest stop in order',
    (reason) => {
      const bench = Bench.running(children, { autoShutdown: 'any-significant' });
      expect(bench.ends('s', reason)).toEqual(['stop t']);
      expect(bench.ends('t')).toEqual(['stop a']);
      expect(bench.ends('a')).toEqual(['stopped (auto-shutdown)']);
    },
  );

  it('all-significant: the last one that ends does', () => {
    const bench = Bench.running(children, { autoShutdown: 'all-significant' });
    expect(bench.ends('t', 'normal')).toEqual([]);
    expect(bench.ends('s', 'normal')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['stopped (auto-shutdown)']);
  });

  it.each(['any-significant', 'all-significant'] as const)(
    '%s: not triggered by insignificant ones, nor by one that restarts',
    (autoShutdown) => {
      const some = [
        { id: 'a', restart: 'transient' },
        { id: 's', ...significant },
      ] as const;
      const bench = Bench.running([...some], { autoShutdown });
      expect(bench.ends('a', 'normal')).toEqual([]);
      expect(bench.fails('s')).toEqual(['restarting s #1 in 0: s', 'start s #1']);
      expect(bench.up('s')).toEqual([]);
      expect(bench.states()).toBe('a:down s:running');
    },
  );

  it.each(['any-significant', 'all-significant'] as const)(
    '%s: not triggered when the supervisor itself stops the child',
    (autoShutdown) => {
      const bench = Bench.running([{ id: 'a' }, { id: 's', ...significant }], { autoShutdown });
      expect(bench.asks({ kind: 'terminate-child', token: 1, child: 's' })).toEqual(['stop s']);
      expect(bench.ends('s', 'normal')).toEqual(['reply 1: terminated s']);
      expect(bench.states()).toBe('a:running s:down');
      const group = { autoShutdown, strategy: 'one-for-all' } as const;
      const all = Bench.running([{ id: 'a' }, { id: 's', ...significant }], group);
      expect(all.fails('a')).toEqual(['restarting as #1 in 0: a', 'stop s']);
      expect(all.ends('s', 'normal')).toEqual(['start a #1']);
    },
  );

  it('all-significant: one that is being terminated does not keep the supervisor alive', () => {
    const bench = Bench.running(children, { autoShutdown: 'all-significant' });
    bench.asks({ kind: 'terminate-child', token: 1, child: 't' });
    expect(bench.ends('s', 'normal')).toEqual([]); // t is stopped first, as the last in the list
    expect(bench.ends('t')).toEqual(['reply 1: terminated t', 'stop a']);
    expect(bench.ends('a')).toEqual(['stopped (auto-shutdown)']);
  });

  it('all-significant: one that waits for its restart keeps the supervisor alive', () => {
    const options = { autoShutdown: 'all-significant', backoff: fixedDelay() } as const;
    const bench = Bench.running(children, options);
    bench.fails('s');
    expect(bench.ends('t', 'normal')).toEqual([]);
    expect(bench.at(1_000).tick()).toEqual(['start s #1']);
    bench.up('s');
    expect(bench.ends('s', 'normal')).toEqual(['stop a']);
  });

  it('a temporary significant child ends the supervisor however it ends', () => {
    const some = [{ id: 'a' }, { id: 's', restart: 'temporary', significant: true }] as const;
    const bench = Bench.running([...some], { autoShutdown: 'any-significant' });
    expect(bench.fails('s')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['stopped (auto-shutdown)']);
  });

  it('an end while the others still start counts as well', () => {
    const bench = new Bench(children, { autoShutdown: 'any-significant' });
    bench.start();
    bench.up('a', 's');
    expect(bench.ends('s', 'normal')).toEqual(['stop t']);
  });

  it('of dynamic children: the last one that ends', () => {
    const bench = new Bench([{ id: 'x', ...significant }], {
      strategy: 'simple-one-for-one',
      autoShutdown: 'all-significant',
    });
    bench.start();
    for (const id of ['a', 'b']) {
      bench.asks({ kind: 'start-child', token: id, id });
      bench.up(id);
    }
    expect(bench.ends('a', 'normal')).toEqual([]);
    expect(bench.ends('b', 'normal')).toEqual(['stopped (auto-shutdown)']);
  });
});

describe('administration', () => {
  const add = (bench: Bench, spec: ChildSpec, token = 1): string[] =>
    bench.asks({ kind: 'start-child', token, spec });
  const terminate = (bench: Bench, child: string, token = 1): string[] =>
    bench.asks({ kind: 'terminate-child', token, child });
  const restart = (bench: Bench, child: string, token = 1): string[] =>
    bench.asks({ kind: 'restart-child', token, child });
  const remove = (bench: Bench, child: string, token = 1): string[] =>
    bench.asks({ kind: 'delete-child', token, child });

  it('starts a child behind the others', () => {
    const bench = Bench.running(['a']);
    expect(add(bench, { id: 'b' })).toEqual(['start b']);
    expect(bench.up('b')).toEqual(['reply 1: started b']);
    expect(bench.supervisor.list()).toEqual(['a', 'b']);
    expect(bench.stop()).toEqual(['stop b']);
  });

  it('keeps an ignored child unless it is temporary, and no failed one', () => {
    const bench = Bench.running(['a']);
    add(bench, { id: 'b' });
    expect(bench.ignores('b')).toEqual(['reply 1: ignored b']);
    add(bench, { id: 'c', restart: 'temporary' }, 2);
    expect(bench.ignores('c')).toEqual(['reply 2: ignored c']);
    add(bench, { id: 'd' }, 3);
    expect(bench.cannotStart('d')).toEqual(['reply 3: refused start-failed: d cannot']);
    expect(bench.states()).toBe('a:running b:down');
    expect(bench.reports).toEqual([]);
  });

  it('refuses a name that is there, saying whether its child runs', () => {
    const bench = Bench.running(abc, { backoff: fixedDelay() });
    terminate(bench, 'a');
    bench.ends('a');
    bench.fails('b');
    expect(add(bench, { id: 'a' })).toEqual(['reply 1: refused already-present']);
    expect(add(bench, { id: 'b' })).toEqual(['reply 1: refused already-started']);
    expect(add(bench, { id: 'c' })).toEqual(['reply 1: refused already-started']);
  });

  it('refuses a wrong specification, with the word for it', () => {
    const bench = Bench.running(['a']);
    const event = { kind: 'start-child', token: 1, spec: { id: 'b', shutdown: -1 } } as const;
    const [reply] = bench.supervisor.handle(event, 0);
    expect(reply).toMatchObject({
      result: { reason: 'bad-child-spec', message: expect.stringContaining('invalid-shutdown') },
    });
    expect(bench.asks({ kind: 'start-child', token: 1, id: 'b' })).toEqual([
      'reply 1: refused bad-child-spec',
    ]);
  });

  it('terminates a child and keeps it; restarts it; deletes it when it is down', () => {
    const bench = Bench.running(abc);
    expect(remove(bench, 'b')).toEqual(['reply 1: refused running']);
    expect(restart(bench, 'b')).toEqual(['reply 1: refused running']);
    expect(terminate(bench, 'b')).toEqual(['stop b']);
    expect(restart(bench, 'b', 2)).toEqual(['reply 2: refused stopping']);
    expect(remove(bench, 'b', 3)).toEqual(['reply 3: refused stopping']);
    expect(bench.ends('b')).toEqual(['reply 1: terminated b']);
    expect(terminate(bench, 'b', 4)).toEqual(['reply 4: terminated b']);
    expect(restart(bench, 'b', 5)).toEqual(['start b']);
    expect(restart(bench, 'b', 6)).toEqual(['reply 6: refused running']);
    expect(bench.up('b')).toEqual(['reply 5: started b']);
    terminate(bench, 'b', 7);
    bench.ends('b');
    expect(remove(bench, 'b', 8)).toEqual(['reply 8: deleted b']);
    expect(remove(bench, 'b', 9)).toEqual(['reply 9: refused not-found']);
    expect(restart(bench, 'b', 9)).toEqual(['reply 9: refused not-found']);
    expect(terminate(bench, 'b', 9)).toEqual(['reply 9: refused not-found']);
    expect(bench.supervisor.list()).toEqual(['a', 'c']);
  });

  it('a restart-child that fails leaves the child down, at no cost', () => {
    const bench = Bench.running(abc, { intensity: 0 });
    terminate(bench, 'b');
    bench.ends('b');
    restart(bench, 'b', 2);
    expect(bench.cannotStart('b')).toEqual(['reply 2: refused start-failed: b cannot']);
    expect(bench.states()).toBe('a:running b:down c:running');
  });

  it('a temporary child that is terminated is forgotten', () => {
    const bench = Bench.running([{ id: 'a', restart: 'temporary' }, 'b']);
    terminate(bench, 'a');
    expect(bench.ends('a')).toEqual(['reply 1: terminated a']);
    expect(bench.supervisor.list()).toEqual(['b']);
  });

  it('terminating kills when the time is over, and tells everyone who asked', () => {
    const bench = Bench.running([{ id: 'a', shutdown: 10 }]);
    terminate(bench, 'a', 1);
    expect(terminate(bench, 'a', 2)).toEqual([]);
    expect(bench.at(10).tick()).toEqual(['kill a']);
    expect(bench.fails('a')).toEqual(['reply 1: terminated a', 'reply 2: terminated a']);
  });

  it('terminates a child that is restarting: the restart is called off', () => {
    const bench = Bench.running(abc, { backoff: fixedDelay({ delayMs: 100 }) });
    bench.fails('b');
    expect(remove(bench, 'b')).toEqual(['reply 1: refused restarting']);
    expect(restart(bench, 'b')).toEqual(['reply 1: refused restarting']);
    expect(terminate(bench, 'b')).toEqual(['reply 1: terminated b']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
    expect(bench.at(100).tick()).toEqual([]);
    expect(bench.states()).toBe('a:running b:down c:running');
  });

  it('terminates a child whose start was asked for: both are told', () => {
    const bench = Bench.running(['a']);
    add(bench, { id: 'b' }, 1);
    expect(terminate(bench, 'b', 2)).toEqual(['stop b']);
    expect(bench.ends('b')).toEqual([
      'reply 2: terminated b',
      "reply 1: refused start-failed: 'b' was stopped before it had started",
    ]);
    expect(bench.supervisor.list()).toEqual(['a']);
  });

  it('terminates a child of a group that is being stopped: it does not start with the others', () => {
    const bench = Bench.running(abc, { strategy: 'one-for-all' });
    expect(bench.fails('b')).toEqual(['restarting abc #1 in 0: b', 'stop c']);
    expect(terminate(bench, 'a', 1)).toEqual([]); // in turn
    expect(terminate(bench, 'c', 2)).toEqual([]);
    expect(bench.ends('c')).toEqual(['reply 2: terminated c', 'stop a']);
    expect(bench.ends('a')).toEqual(['reply 1: terminated a', 'start b #1']);
    bench.up('b');
    expect(bench.states()).toBe('a:down b:running c:down');
  });

  it('deletes a child of a group that is being stopped once it is down: until then it is stopping', () => {
    const bench = Bench.running(['a', 'b', 'd'], { strategy: 'one-for-all', intensity: 1 });
    expect(bench.fails('d')).toEqual(['restarting abd #1 in 0: d', 'stop b']);
    expect(remove(bench, 'a', 1)).toEqual(['reply 1: refused running']); // it would start again
    expect(terminate(bench, 'a', 2)).toEqual([]); // in turn, when b is down
    expect(remove(bench, 'a', 3)).toEqual(['reply 3: refused stopping']);
    expect(restart(bench, 'a', 4)).toEqual(['reply 4: refused stopping']);
    expect(bench.ends('b')).toEqual(['stop a']);
    expect(remove(bench, 'a', 5)).toEqual(['reply 5: refused stopping']);
    expect(bench.ends('a')).toEqual(['reply 2: terminated a', 'start b #1']);
    expect(remove(bench, 'a', 6)).toEqual(['reply 6: deleted a']);
    bench.up('b');
    bench.up('d');
    expect(bench.states()).toBe('b:running d:running');
  });

  it('a temporary child of a group that is being stopped is stopping as well', () => {
    const bench = Bench.running([{ id: 'a', restart: 'temporary' }, 'b', 'c'], {
      strategy: 'one-for-all',
    });
    bench.fails('b');
    expect(remove(bench, 'a', 1)).toEqual(['reply 1: refused stopping']);
  });

  it('a child whose group restart failed to start, terminated: those after it start', () => {
    const backoff = fixedDelay({ attempts: 9, delayMs: 100 });
    const bench = Bench.running(abc, { strategy: 'rest-for-one', backoff });
    bench.fails('a');
    bench.ends('c');
    bench.ends('b');
    expect(bench.at(100).tick()).toEqual(['start a #1']);
    expect(bench.cannotStart('a')).toEqual(['restarting abc #2 in 100: a cannot']);
    expect(terminate(bench, 'a', 1)).toEqual(['reply 1: terminated a']);
    expect(comeToRest(bench, bench.at(200).tick())).toEqual(['start b #2', 'start c #2']);
    expect(bench.states()).toBe('a:down b:running c:running');
  });

  it('a child that is added between the tries of a group waits for its turn in the next one', () => {
    const backoff = fixedDelay({ attempts: 9, delayMs: 100 });
    const bench = Bench.running(['a', 'b'], { strategy: 'one-for-all', backoff });
    bench.fails('a');
    bench.ends('b');
    expect(bench.at(100).tick()).toEqual(['start a #1']);
    bench.cannotStart('a');
    expect(add(bench, { id: 'c' }, 1)).toEqual([]);
    expect(comeToRest(bench, bench.at(200).tick())).toEqual([
      'start a #2',
      'start b #2',
      'start c #2',
      'reply 1: started c',
    ]);
  });

  it('terminates a child before its turn in the first start', () => {
    const bench = new Bench(abc);
    bench.start();
    expect(terminate(bench, 'b')).toEqual(['reply 1: terminated b']);
    expect(bench.up('a')).toEqual(['start c']);
    bench.up('c');
    expect(bench.supervisor.hasStarted).toBe(true);
  });

  it('terminates the child that the others wait for', () => {
    const bench = new Bench(abc);
    bench.start();
    expect(terminate(bench, 'a')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['reply 1: terminated a', 'start b']);
  });

  it('a child that is added while a group restarts starts after it', () => {
    const options = { strategy: 'rest-for-one', backoff: fixedDelay({ delayMs: 100 }) } as const;
    const bench = Bench.running(abc, options);
    bench.fails('c');
    expect(add(bench, { id: 'd' })).toEqual([]);
    expect(bench.supervisor.list()).toEqual(['a', 'b', 'c', 'd']);
    expect(bench.at(100).tick()).toEqual(['start c #1']);
    expect(bench.up('c')).toEqual(['start d #1']);
    expect(bench.up('d')).toEqual(['reply 1: started d']);
  });

  it('a child that is added while the others start for the first time starts last', () => {
    const bench = new Bench(['a', 'b']);
    bench.start();
    expect(add(bench, { id: 'c' })).toEqual([]);
    bench.up('a');
    expect(bench.up('b')).toEqual(['start c']);
    expect(bench.supervisor.hasStarted).toBe(true);
  });

  it('one that is added to a group whose children are all gone meanwhile starts, too', () => {
    const backoff = fixedDelay({ delayMs: 100 });
    const bench = Bench.running(['a'], { strategy: 'one-for-all', backoff });
    bench.fails('a');
    terminate(bench, 'a', 1);
    expect(remove(bench, 'a', 2)).toEqual(['reply 2: deleted a']);
    expect(add(bench, { id: 'b' }, 3)).toEqual([]);
    expect(bench.at(100).tick()).toEqual(['start b #1']);
    expect(bench.up('b')).toEqual(['reply 3: started b']);
  });

  it('a child that is added and fails in a group restart is refused; the group goes on', () => {
    const bench = Bench.running(['a', 'b'], { strategy: 'one-for-all' });
    bench.fails('a');
    add(bench, { id: 'c' });
    bench.ends('b');
    expect(bench.up('a', 'b')).toEqual(['start b #1', 'start c #1']);
    expect(bench.cannotStart('c')).toEqual(['reply 1: refused start-failed: c cannot']);
    expect(bench.states()).toBe('a:running b:running');
  });

  it('every request is answered when the supervisor does not run, or stops meanwhile', () => {
    const bench = new Bench(['a']);
    expect(restart(bench, 'a')).toEqual(['reply 1: refused not-running']);
    bench.start();
    bench.up('a');
    add(bench, { id: 'b' }, 2);
    add(bench, { id: 'c' }, 3);
    terminate(bench, 'a', 4);
    expect(bench.stop()).toEqual(['stop c']);
    expect(add(bench, { id: 'd' }, 5)).toEqual(['reply 5: refused not-running']);
    expect(bench.ends('c')).toEqual([
      "reply 3: refused start-failed: 'c' was stopped before it had started",
      'stop b',
    ]);
    expect(bench.ends('a')).toEqual(['reply 4: terminated a']);
    expect(bench.ends('b')).toEqual([
      "reply 2: refused start-failed: 'b' was stopped before it had started",
      'stopped (shutdown)',
    ]);
    expect(terminate(bench, 'a', 6)).toEqual(['reply 6: refused not-running']);
  });

  it('counts specs, active, supervisors and workers, also while children restart', () => {
    const children = ['a', { id: 'b', type: 'supervisor' }, 'c'] as const;
    const bench = Bench.running([...children], { backoff: fixedDelay({ delayMs: 100 }) });
    const all = { specs: 3, supervisors: 1, workers: 2 };
    expect(bench.supervisor.counts()).toEqual({ ...all, active: 3 });
    bench.fails('b');
    expect(bench.supervisor.counts()).toEqual({ ...all, active: 2 });
    bench.at(100).tick();
    expect(bench.supervisor.counts()).toEqual({ ...all, active: 2 });
    bench.up('b');
    expect(bench.supervisor.counts()).toEqual({ ...all, active: 3 });
    terminate(bench, 'c');
    expect(bench.supervisor.counts()).toEqual({ ...all, active: 3 });
    bench.ends('c');
    expect(bench.supervisor.counts()).toEqual({ ...all, active: 2 });
    comeToRest(bench, bench.stop());
    expect(bench.supervisor.counts()).toEqual({ ...all, active: 0 });
  });

  it('which-children: each with state, type and restart type, in every phase', () => {
    const bench = new Bench([
      { id: 'a', type: 'supervisor' },
      { id: 'b', restart: 'temporary' },
    ]);
    const which = (a: string, b: string) => [
      { id: 'a', state: a, type: 'supervisor', restart: 'permanent' },
      { id: 'b', state: b, type: 'worker', restart: 'temporary' },
    ];
    expect(bench.supervisor.which()).toEqual(which('down', 'down'));
    bench.start();
    expect(bench.supervisor.which()).toEqual(which('starting', 'down'));
    bench.up('a', 'b');
    expect(bench.supervisor.which()).toEqual(which('running', 'running'));
    expect(bench.supervisor.info('b')).toEqual(which('running', 'running')[1]);
    expect(bench.supervisor.info('c')).toBeUndefined();
    bench.stop();
    expect(bench.supervisor.which()).toEqual(which('running', 'stopping'));
  });
});
