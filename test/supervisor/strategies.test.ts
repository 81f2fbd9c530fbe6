/** What each strategy stops and starts, in which order, and when it escalates. */

import { describe, expect, it } from 'vitest';
import {
  exponentialBackoff,
  fixedDelay,
  noRestart,
} from '../../src/supervisor/restart-strategy.js';
import { Bench, comeToRest } from './supervisor-kit.js';

const abc = ['a', 'b', 'c'];
const slow = fixedDelay({ attempts: 2, delayMs: 100 });

describe('one-for-one', () => {
  it('only the failed child restarts, each after its own delay', () => {
    const bench = Bench.running(abc, { backoff: slow });
    expect(bench.at(10).fails('b')).toEqual(['restarting b #1 in 100: b']);
    expect(bench.at(30).fails('a')).toEqual(['restarting a #2 in 100: a']);
    expect(bench.states()).toBe('a:restarting b:restarting c:running');
    expect(bench.supervisor.nextDeadline()).toBe(110);
    expect(bench.at(109).tick()).toEqual([]);
    expect(bench.at(110).tick()).toEqual(['start b #1']);
    expect(bench.supervisor.nextDeadline()).toBe(130);
    expect(bench.at(130).tick()).toEqual(['start a #2']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
  });

  it('escalates after the budget, once all are down', () => {
    const bench = Bench.running(abc);
    bench.fails('b');
    bench.up('b');
    expect(bench.fails('b', 'again')).toEqual(['stop c']);
    expect(bench.ends('c')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['escalate after 1: again']);
    expect(bench.stop()).toEqual([]);
  });

  it('escalates at once when there is nobody to stop', () => {
    const bench = Bench.running(['a'], { backoff: noRestart() });
    expect(bench.fails('a')).toEqual(['escalate after 0: a']);
  });

  it('stops what waits for its start with what runs', () => {
    const bench = Bench.running(abc, { backoff: fixedDelay({ attempts: 1, delayMs: 100 }) });
    bench.fails('a');
    expect(bench.fails('b')).toEqual(['stop c']);
    expect(bench.ends('c')).toEqual(['escalate after 1: b']);
  });
});

describe('one-for-all', () => {
  const all = { strategy: 'one-for-all', backoff: slow } as const;

  it('all stop in reverse order and start in order; the delay runs from the failure', () => {
    const bench = Bench.running(['a', 'b', 'c', 'd'], all);
    expect(bench.at(10).fails('b')).toEqual(['restarting abcd #1 in 100: b', 'stop d']);
    expect(bench.states()).toBe('a:running b:restarting c:running d:stopping');
    expect(bench.at(20).ends('d')).toEqual(['stop c']);
    expect(bench.at(30).ends('c')).toEqual(['stop a']);
    expect(bench.at(40).ends('a')).toEqual([]);
    expect(bench.supervisor.nextDeadline()).toBe(110);
    expect(bench.at(109).tick()).toEqual([]);
    expect(bench.at(110).tick()).toEqual(['start a #1']);
    expect([bench.up('a'), bench.up('b'), bench.up('c'), bench.up('d')]).toEqual([
      ['start b #1'],
      ['start c #1'],
      ['start d #1'],
      [],
    ]);
  });

  it('starts at once when stopping took longer than the delay', () => {
    const bench = Bench.running(['a', 'b'], all);
    bench.at(10).fails('b');
    expect(bench.at(110).tick()).toEqual([]);
    expect(bench.at(200).ends('a')).toEqual(['start a #1']);
  });

  it('a child that overstays its shutdown while the group stops is killed', () => {
    const bench = Bench.running(abc, { ...all, child: { shutdown: 50 } });
    bench.at(10).fails('b');
    expect(bench.at(60).tick()).toEqual(['kill c']);
    expect(bench.fails('c', 'killed')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual([]);
    expect(bench.at(110).tick()).toEqual(['start a #1']);
  });

  it('what fails while its group is being stopped is collateral, asked or not', () => {
    const bench = Bench.running(abc, all);
    bench.at(10).fails('b');
    expect(bench.at(11).fails('a')).toEqual([]); // not asked yet
    expect(bench.at(12).fails('c')).toEqual([]);
    expect(bench.at(13).fails('a')).toEqual([]);
    expect(comeToRest(bench, bench.at(110).tick())).toEqual([
      'start a #1',
      'start b #1',
      'start c #1',
    ]);
    expect(bench.reports).toEqual([
      'child-terminated b: b',
      'shutdown-error a: a',
      'shutdown-error c: c',
    ]);
  });

  it('another child that fails while they restart costs an attempt, and all begin anew', () => {
    const bench = Bench.running(abc, { ...all, backoff: fixedDelay({ attempts: 2, delayMs: 0 }) });
    bench.fails('b');
    bench.ends('c');
    expect(bench.ends('a')).toEqual(['start a #1']);
    expect(bench.up('a')).toEqual(['start b #1']);
    expect(bench.cannotStart('b')).toEqual(['restarting abc #2 in 0: b cannot', 'stop a']);
    expect(bench.ends('a')).toEqual(['start a #2']);
    expect(bench.fails('a')).toEqual(['escalate after 2: a']);
  });

  it.each(['one-for-all', 'rest-for-one'] as const)(
    '%s: a child that is done does not run again with its group; one that was stopped does',
    (strategy) => {
      const children = ['a', 'b', 'c', 'd'].map((id) =>
        id === 'a' ? id : { id, restart: 'transient' as const },
      );
      const bench = Bench.running(children, { strategy, backoff: fixedDelay({ delayMs: 100 }) });
      bench.ends('b', 'normal');
      bench.ends('c', 'shutdown'); // of its own accord
      expect(bench.fails('a')).toEqual(['restarting ad #1 in 100: a', 'stop d']);
      bench.ends('d');
      expect(comeToRest(bench, bench.at(100).tick())).toEqual(['start a #1', 'start d #1']);
      expect(bench.states()).toBe('a:running b:down c:down d:running');
      bench.asks({ kind: 'terminate-child', token: 1, child: 'd' });
      bench.ends('d');
      expect(bench.at(200).fails('a')).toEqual(['restarting ad #2 in 100: a']);
      expect(comeToRest(bench, bench.at(300).tick())).toEqual(['start a #2', 'start d #2']);
    },
  );

  it('a child that comes to its own end while its group is being stopped is done as well', () => {
    const children = ['a', 'b', 'c', 'd'].map((id) => ({ id, restart: 'transient' as const }));
    const bench = Bench.running(children, { strategy: 'one-for-all' });
    expect(bench.fails('a')).toEqual(['restarting abcd #1 in 0: a', 'stop d']);
    expect(bench.ends('c', 'normal')).toEqual([]); // before it is asked
    expect(bench.ends('d', 'normal')).toEqual(['stop b']); // it had ended when it was asked
    expect(bench.ends('b', 'shutdown')).toEqual(['start a #1']);
    expect(comeToRest(bench, bench.up('a'))).toEqual(['start b #1']);
    expect(bench.states()).toBe('a:running b:running c:down d:down');
  });

  it('a child that is done starts when that is asked for, and is then like any other', () => {
    const bench = Bench.running(['a', { id: 'b', restart: 'transient' }], {
      strategy: 'one-for-all',
      intensity: 9,
    });
    bench.ends('b', 'normal');
    expect(bench.asks({ kind: 'restart-child', token: 1, child: 'b' })).toEqual(['start b']);
    bench.up('b');
    expect(bench.fails('a')).toEqual(['restarting ab #1 in 0: a', 'stop b']);
    expect(comeToRest(bench, bench.ends('b'))).toEqual(['start a #1', 'start b #1']);
  });

  it('a child that says ignore in a restart is kept without a process', () => {
    const bench = Bench.running(abc, { strategy: 'one-for-all' });
    bench.fails('a');
    bench.ends('c');
    bench.ends('b');
    bench.up('a');
    expect(bench.ignores('b')).toEqual(['start c #1']);
    bench.up('c');
    expect(bench.states()).toBe('a:running b:down c:running');
  });

  it('a failure while the group still starts for the first time restarts it from the beginning', () => {
    const bench = new Bench(abc, { strategy: 'one-for-all' });
    bench.start();
    bench.up('a');
    expect(bench.fails('a')).toEqual(['restarting abc #1 in 0: a', 'stop b']);
    expect(bench.ends('b')).toEqual(['start a #1']);
    expect(bench.up('a', 'b', 'c')).toEqual(['start b #1', 'start c #1']);
    expect(bench.supervisor.hasStarted).toBe(true);
  });

  it('progress gives the budget of a back-off back, but not the intensity', () => {
    const backoff = fixedDelay({ attempts: 1, delayMs: 0 });
    const bench = Bench.running(['a', 'b'], { strategy: 'one-for-all', backoff });
    for (let round = 0; round < 20; round += 1) {
      expect(bench.fails('a')[0]).toBe('restarting ab #1 in 0: a');
      comeToRest(bench, bench.ends('b'));
      bench.progress();
    }
    const strict = Bench.running(['a', 'b'], { strategy: 'one-for-all', backoff, intensity: 1 });
    strict.fails('a');
    comeToRest(strict, strict.ends('b'));
    strict.progress();
    expect(strict.fails('a')).toEqual(['stop b']);
    expect(strict.ends('b')).toEqual(['escalate after 0: a']);
  });

  it('escalates after the budget: stops in reverse order first', () => {
    const bench = Bench.running(abc, { strategy: 'one-for-all', intensity: 0 });
    expect(bench.fails('b')).toEqual(['stop c']);
    expect(bench.ends('c')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['escalate after 0: b']);
  });
});

describe('rest-for-one', () => {
  const rest = { strategy: 'rest-for-one', backoff: slow } as const;

  it('the failed child and those started after it', () => {
    const bench = Bench.running(['a', 'b', 'c', 'd'], rest);
    expect(bench.at(10).fails('b')).toEqual(['restarting bcd #1 in 100: b', 'stop d']);
    expect(bench.ends('d')).toEqual(['stop c']);
    expect(bench.ends('c')).toEqual([]);
    expect(comeToRest(bench, bench.at(110).tick())).toEqual([
      'start b #1',
      'start c #1',
      'start d #1',
    ]);
    expect(bench.fails('d')).toEqual(['restarting d #2 in 100: d']);
  });

  it('another child that cannot start while they restart: it and those after it begin anew', () => {
    const bench = Bench.running(abc, { ...rest, backoff: fixedDelay({ delayMs: 0 }) });
    bench.fails('a');
    bench.ends('c');
    bench.ends('b');
    bench.up('a');
    expect(bench.cannotStart('b')).toEqual(['restarting bc #2 in 0: b cannot', 'start b #2']);
    expect(bench.states()).toBe('a:running b:starting c:restarting');
    expect(bench.up('b')).toEqual(['start c #2']);
  });

  it('an earlier child that fails meanwhile takes the waiting ones along, at the later time', () => {
    const bench = Bench.running(abc, rest);
    bench.at(10).fails('c');
    expect(bench.at(50).fails('a')).toEqual(['restarting abc #2 in 100: a', 'stop b']);
    expect(bench.at(110).tick()).toEqual([]);
    expect(bench.at(120).ends('b')).toEqual([]);
    expect(bench.supervisor.nextDeadline()).toBe(150);
    expect(bench.at(150).tick()).toEqual(['start a #2']);
    expect(bench.up('a', 'b', 'c')).toEqual(['start b #2', 'start c #2']);
  });

  it('an earlier child that fails while later ones start replaces their restart', () => {
    const bench = Bench.running(abc, { ...rest, backoff: fixedDelay({ delayMs: 0 }) });
    expect(bench.fails('b')).toEqual(['restarting bc #1 in 0: b', 'stop c']);
    expect(bench.ends('c')).toEqual(['start b #1']);
    expect(bench.fails('a')).toEqual(['restarting abc #2 in 0: a', 'stop b']);
    expect(comeToRest(bench, bench.ends('b'))).toEqual(['start a #2', 'start b #2', 'start c #2']);
  });

  it('a shorter delay of a later failure does not cut a longer one short', () => {
    const backoff = exponentialBackoff({ initialMs: 10, factor: 10, jitter: 0 });
    const bench = Bench.running(abc, { ...rest, backoff });
    bench.fails('c');
    expect(bench.at(10).tick()).toEqual(['start c #1']);
    expect(bench.at(20).fails('c')).toEqual(['restarting c #2 in 100: c']);
    bench.at(21).progress();
    expect(bench.at(22).fails('b')).toEqual(['restarting bc #1 in 10: b']);
    expect(bench.supervisor.nextDeadline()).toBe(120);
    expect(bench.at(119).tick()).toEqual([]);
    expect(bench.at(120).tick()).toEqual(['start b #1']);
  });

  it('a later child that fails while it is stopped is collateral', () => {
    const bench = Bench.running(abc, rest);
    bench.at(10).fails('a');
    expect(bench.at(11).fails('c')).toEqual(['stop b']);
    expect(bench.at(12).ends('b')).toEqual([]);
    expect(bench.at(110).tick()).toEqual(['start a #1']);
  });

  it('escalates after the budget: stops all in reverse order, not only the rest', () => {
    const bench = Bench.running(abc, { strategy: 'rest-for-one', intensity: 0 });
    expect(bench.fails('b')).toEqual(['stop c']);
    expect(bench.ends('c')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['escalate after 0: b']);
  });
});

describe.each(['one-for-one', 'one-for-all', 'rest-for-one'] as const)('%s', (strategy) => {
  it('a normal end of a transient child is no failure', () => {
    const bench = Bench.running(abc, { strategy, child: { restart: 'transient' } });
    expect(bench.ends('b', 'normal')).toEqual([]);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
    expect(bench.stop()).toEqual(['stop c']);
    expect(bench.ends('c')).toEqual(['stop a']);
  });

  it('a child whose start fails for ever leaves the supervisor responsive', () => {
    const backoff = fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 1 });
    const bench = Bench.running(abc, { strategy, backoff, child: { restart: 'transient' } });
    comeToRest(bench, bench.fails('b'));
    for (let n = 1; n <= 1_000; n += 1) {
      // Before the child that fails, where the whole group begins anew.
      const told = othersStart(bench, bench.at(n).tick());
      expect(told.at(-1)).toBe(`start b #${n}`);
      expect(bench.supervisor.counts()).toMatchObject({ specs: 3, workers: 3 });
      expect(bench.supervisor.list()).toEqual(abc);
      const request = { kind: 'delete-child', token: n, child: 'b' } as const;
      expect(bench.asks(request)).toEqual([`reply ${n}: refused running`]);
      const failed = bench.cannotStart('b');
      expect(failed[0]).toContain(`#${n + 1} in 1: b cannot`);
      comeToRest(bench, failed.slice(1));
    }
    const last = comeToRest(bench, bench.stop());
    expect(last.at(-1)).toBe('stopped (shutdown)');
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
    expect(bench.supervisor.counts().active).toBe(0);
  });

  it('a child that never answers its start can be stopped meanwhile', () => {
    const bench = Bench.running(abc, { strategy, child: { shutdown: 10 } });
    othersStart(bench, allStop(bench, bench.fails('b')));
    expect(bench.states()).toContain('b:starting');
    const told = allStop(bench, bench.stop());
    expect(told.at(-1)).toBe('stopped (shutdown)');
  });
});

/** Answers starts of everyone but `b`. */
function othersStart(bench: Bench, first: readonly string[]): string[] {
  const all = [...first];
  for (let at = 0; at < all.length; at += 1) {
    const [verb, child] = all[at]!.split(' ') as [string, string];
    if (verb === 'start' && child !== 'b') all.push(...bench.up(child));
  }
  return all;
}

/** Answers stops only. */
function allStop(bench: Bench, first: readonly string[]): string[] {
  const all = [...first];
  for (let at = 0; at < all.length; at += 1) {
    const [verb, child] = all[at]!.split(' ') as [string, string];
    if (verb === 'stop') all.push(...bench.ends(child));
  }
  return all;
}

describe('temporary bystander', () => {
  it.each([
    ['one-for-all', 'c'],
    ['rest-for-one', 'a'],
  ] as const)('%s: it is stopped with the group and not started again', (strategy, failing) => {
    const children = ['a', { id: 't', restart: 'temporary' }, 'c'] as const;
    const bench = Bench.running([...children], { strategy });
    const told = comeToRest(bench, bench.fails(failing));
    expect(told).toContain('stop t');
    expect(told.filter((line) => line.startsWith('start '))).toEqual(['start a #1', 'start c #1']);
    expect(told[0]).toContain('restarting ac #1');
    expect(bench.supervisor.list()).toEqual(['a', 'c']);
  });

  it('at either end of the group, too', () => {
    const temporary = { restart: 'temporary' } as const;
    const children = [{ id: 's', ...temporary }, 'a', 'b', { id: 't', ...temporary }];
    const bench = Bench.running(children, { strategy: 'one-for-all' });
    expect(comeToRest(bench, bench.fails('b'))).toEqual([
      'restarting ab #1 in 0: b',
      'stop t',
      'stop a',
      'stop s',
      'start a #1',
      'start b #1',
    ]);
  });

  it('one that has never run is no bystander: it starts with the others', () => {
    const children = ['a', 'b', { id: 't', restart: 'temporary' }] as const;
    const bench = new Bench([...children], { strategy: 'one-for-all' });
    bench.start();
    bench.up('a');
    const told = comeToRest(bench, bench.fails('a'));
    expect(told.at(-1)).toBe('start t #1');
  });

  it('one that fails by itself is forgotten, and nobody goes with it', () => {
    const children = ['a', { id: 't', restart: 'temporary' }] as const;
    const bench = Bench.running([...children], { strategy: 'one-for-all' });
    expect(bench.fails('t')).toEqual([]);
    expect(bench.states()).toBe('a:running');
  });
});

describe('scale', () => {
  const names = Array.from({ length: 10_000 }, (_, at) => `child-${at}`);

  it.each(['one-for-one', 'one-for-all', 'rest-for-one'] as const)(
    '%s: starts, restarts and stops 10 000 children one by one, each exactly once',
    (strategy) => {
      const bench = new Bench(names, { strategy });
      expect(comeToRest(bench, bench.start())).toEqual(names.map((name) => `start ${name}`));
      const told = comeToRest(bench, bench.fails('child-0'));
      const restarted = strategy === 'one-for-one' ? 1 : 10_000;
      expect(told.filter((line) => line.startsWith('start '))).toHaveLength(restarted);
      expect(told.filter((line) => line.startsWith('stop '))).toHaveLength(restarted - 1);
      const stops = comeToRest(bench, bench.stop());
      expect(stops.slice(0, -1)).toEqual(names.toReversed().map((name) => `stop ${name}`));
      expect(stops.at(-1)).toBe('stopped (shutdown)');
    },
  );

  it('10 000 children that fail one after the other, each waiting for its own delay', () => {
    const backoff = fixedDelay({ attempts: Number.POSITIVE_INFINITY, delayMs: 1_000_000 });
    const bench = new Bench(names, { backoff });
    comeToRest(bench, bench.start());
    for (const [at, name] of names.entries()) bench.at(at).fails(name);
    expect(bench.supervisor.nextDeadline()).toBe(1_000_000);
    let started: string[] = [];
    for (const at of names.keys())
      started = [...started.slice(-1), ...bench.at(1_000_000 + at).tick()];
    expect(started.at(-1)).toBe('start child-9999 #10000');
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
  });
});
