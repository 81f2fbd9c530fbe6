/** Starting and stopping, the end of a child, and who is told. */

import { describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import { Bench, comeToRest } from './supervisor-kit.js';

const abc = ['a', 'b', 'c'];

describe('start', () => {
  it('starts in order, each when the one before has started', () => {
    const bench = new Bench(abc);
    expect(bench.start()).toEqual(['start a']);
    expect(bench.states()).toBe('a:starting b:down c:down');
    expect(bench.up('a')).toEqual(['start b']);
    expect(bench.up('b')).toEqual(['start c']);
    expect(bench.supervisor.hasStarted).toBe(false);
    expect(bench.up('c')).toEqual([]);
    expect(bench.supervisor.hasStarted).toBe(true);
    expect(bench.states()).toBe('a:running b:running c:running');
  });

  it('has started at once when there is nobody to start', () => {
    const bench = new Bench([]);
    expect(bench.start()).toEqual([]);
    expect(bench.supervisor.hasStarted).toBe(true);
    expect(bench.stop()).toEqual(['stopped (shutdown)']);
  });

  it('a child that says ignore is kept without a process', () => {
    const bench = new Bench(abc);
    bench.start();
    bench.up('a');
    expect(bench.ignores('b')).toEqual(['start c']);
    bench.up('c');
    expect(bench.states()).toBe('a:running b:down c:running');
    expect(bench.supervisor.hasStarted).toBe(true);
    expect(bench.stop()).toEqual(['stop c']);
    expect(bench.ends('c')).toEqual(['stop a']);
  });

  it('a temporary child that says ignore is forgotten', () => {
    const bench = new Bench(['a', { id: 'b', restart: 'temporary' }, 'c']);
    bench.start();
    bench.up('a');
    expect(bench.ignores('b')).toEqual(['start c']);
    expect(bench.supervisor.list()).toEqual(['a', 'c']);
  });

  it('a child that cannot start fails the supervisor, which stops the others in reverse order', () => {
    const bench = new Bench(abc);
    bench.start();
    bench.up('a', 'b');
    expect(bench.cannotStart('c')).toEqual(['stop b']);
    expect(bench.ends('b')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['escalate after 0: c cannot']);
    expect(bench.reports).toEqual(['start-error c: c cannot']);
  });

  it('a child that dies while it starts for the first time is one that cannot start', () => {
    const bench = new Bench(['a'], { backoff: fixedDelay() });
    bench.start();
    expect(bench.fails('a')).toEqual(['escalate after 0: a']);
    expect(bench.reports).toEqual(['start-error a: a']);
  });

  it('a temporary child that cannot start fails the supervisor as well', () => {
    const bench = new Bench([{ id: 'a', restart: 'temporary' }]);
    bench.start();
    expect(bench.cannotStart('a')).toEqual(['escalate after 0: a cannot']);
  });

  it('firstStart restart: it is answered like any other failure, and the next ones wait for it', () => {
    const options = { firstStart: 'restart', backoff: fixedDelay({ delayMs: 100 }) } as const;
    const bench = new Bench(abc, options);
    bench.start();
    bench.up('a');
    expect(bench.at(5).cannotStart('b')).toEqual(['restarting b #1 in 100: b cannot']);
    expect(bench.states()).toBe('a:running b:restarting c:down');
    expect(bench.at(104).tick()).toEqual([]);
    expect(bench.at(105).tick()).toEqual(['start b #1']);
    expect(bench.up('b')).toEqual(['start c']);
    expect(bench.supervisor.hasStarted).toBe(false);
    bench.up('c');
    expect(bench.supervisor.hasStarted).toBe(true);
  });

  it('firstStart restart: a temporary child that cannot start is forgotten, and the next one starts', () => {
    const bench = new Bench([{ id: 'a', restart: 'temporary' }, 'b'], { firstStart: 'restart' });
    bench.start();
    expect(bench.cannotStart('a')).toEqual(['start b']);
    expect(bench.supervisor.list()).toEqual(['b']);
  });

  it('a child that has started and fails while others still start is an ordinary failure', () => {
    const bench = new Bench(abc);
    bench.start();
    bench.up('a');
    expect(bench.fails('a')).toEqual(['restarting a #1 in 0: a', 'start a #1']);
    expect(bench.up('b')).toEqual(['start c']);
  });

  it('the restart of a child that cannot start again costs the budget', () => {
    const bench = Bench.running(['a', 'b'], { intensity: 2 });
    expect(bench.fails('a')).toEqual(['restarting a #1 in 0: a', 'start a #1']);
    expect(bench.cannotStart('a')).toEqual(['restarting a #2 in 0: a cannot', 'start a #2']);
    expect(bench.cannotStart('a')).toEqual(['stop b']);
    expect(bench.ends('b')).toEqual(['escalate after 2: a cannot']);
    expect(bench.reports).toEqual([
      'child-terminated a: a',
      'start-error a: a cannot',
      'start-error a: a cannot',
    ]);
  });

  it('a failed start is tried again at once: the failures of others come after it', () => {
    const bench = Bench.running(['a', 'b'], { intensity: 3 });
    bench.fails('a', 'first');
    bench.cannotStart('a', 'second'); // OTP would first read what has come meanwhile
    expect(bench.fails('b', 'third')).toEqual(['restarting b #3 in 0: third', 'start b #3']);
    expect(bench.cannotStart('a', 'fourth')).toEqual(['stop b']);
    expect(bench.ends('b')).toEqual(['escalate after 3: fourth']);
  });

  it('is started once', () => {
    const bench = Bench.running(['a']);
    expect(() => bench.start()).toThrow(
      expect.toSatisfy((error) => isHoldfastError(error, 'ERR_HOLDFAST_INTERNAL')),
    );
  });
});

describe('stop', () => {
  it('stops one after the other, in reverse order, and says so when all are down', () => {
    const bench = Bench.running(abc);
    expect(bench.stop()).toEqual(['stop c']);
    expect(bench.stop()).toEqual([]);
    expect(bench.ends('c')).toEqual(['stop b']);
    expect(bench.ends('b')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['stopped (shutdown)']);
    expect([bench.stop(), bench.fails('a'), bench.start(), bench.tick()]).toEqual([[], [], [], []]);
    expect(bench.reports).toEqual([]);
  });

  it('stops without having started', () => {
    const bench = new Bench(abc);
    expect(bench.stop()).toEqual(['stopped (shutdown)']);
    expect(bench.start()).toEqual([]);
  });

  it('stops a child that is still starting, and starts none after it', () => {
    const bench = new Bench(abc);
    bench.start();
    bench.up('a');
    expect(bench.stop()).toEqual(['stop b']);
    expect(bench.up('b')).toEqual([]); // too late to matter
    expect(bench.states()).toBe('a:running b:stopping c:down');
    expect(bench.ends('b')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['stopped (shutdown)']);
  });

  it.each(['start-ignored', 'start-failed'] as const)(
    'a child that answers the stop with %s is down',
    (kind) => {
      const bench = new Bench(['a']);
      bench.start();
      bench.stop();
      expect(bench.send({ kind, child: 'a' })).toEqual(['stopped (shutdown)']);
    },
  );

  it('waits for ever for a child whose shutdown is infinity', () => {
    const bench = Bench.running([{ id: 'a', shutdown: 'infinity' }]);
    expect(bench.stop()).toEqual(['stop a']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
    expect(bench.at(1e12).tick()).toEqual([]);
    expect(bench.ends('a')).toEqual(['stopped (shutdown)']);
  });

  it('a supervisor as a child has all the time it needs unless told otherwise', () => {
    const bench = Bench.running([{ id: 'a', type: 'supervisor' }]);
    bench.stop();
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
  });

  it('kills a child that sleeps past its time, while its siblings stop in order', () => {
    const bench = Bench.running(['a', { id: 'b', shutdown: 100 }, 'c']);
    bench.stop();
    expect(bench.at(10).ends('c')).toEqual(['stop b']);
    expect(bench.supervisor.nextDeadline()).toBe(110);
    expect(bench.at(109).tick()).toEqual([]);
    expect(bench.at(110).tick()).toEqual(['kill b']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
    expect(bench.at(9_999).tick()).toEqual([]); // killed once; its end is still waited for
    expect(bench.fails('b', 'killed')).toEqual(['stop a']);
    expect(bench.supervisor.nextDeadline()).toBe(9_999 + 5_000);
    expect(bench.ends('a')).toEqual(['stopped (shutdown)']);
    expect(bench.reports).toEqual([
      "shutdown-error b: 'b' did not end within the 100 ms of its shutdown, and was killed",
    ]);
  });

  it('a shutdown of no time asks and kills', () => {
    const bench = Bench.running([{ id: 'a', shutdown: 0 }]);
    expect(bench.stop()).toEqual(['stop a', 'kill a']);
  });

  it('brutal kill: nobody is asked, and being killed is no error', () => {
    const bench = Bench.running(['a', { id: 'b', shutdown: 'brutal-kill' }]);
    expect(bench.stop()).toEqual(['kill b']);
    expect(bench.ends('b', 'killed')).toEqual(['stop a']);
    expect(bench.reports).toEqual([]);
  });

  it('brutal kill: one that failed at the same moment did not end of the kill, and is reported', () => {
    const bench = Bench.running([{ id: 'a', shutdown: 'brutal-kill' }, 'b'], {
      strategy: 'one-for-all',
    });
    expect(bench.fails('b')).toEqual(['restarting ab #1 in 0: b', 'kill a']);
    expect(bench.fails('a', 'its own')).toEqual(['start a #1']); // V2: at no cost
    expect(bench.reports).toEqual(['child-terminated b: b', 'shutdown-error a: its own']);
  });

  it('brutal kill: a permanent child that ended of itself at that moment is reported', () => {
    const bench = Bench.running([{ id: 'a', shutdown: 'brutal-kill' }]);
    bench.stop();
    expect(bench.ends('a', 'normal')).toEqual(['stopped (shutdown)']);
    expect(bench.reports).toEqual(["shutdown-error a: 'a' ended normally, and it is permanent"]);
  });

  it('one that was killed by somebody else has failed', () => {
    const bench = Bench.running(['a', { id: 'b', restart: 'transient' }]);
    expect(bench.ends('b', 'killed')).toEqual([
      "restarting b #1 in 0: 'b' ended without an explanation",
      'start b #1',
    ]);
  });

  it('a child that dies or ends while it is being stopped is down, at no cost', () => {
    const bench = Bench.running(abc, { child: { restart: 'transient' } });
    bench.stop();
    expect(bench.ends('b', 'normal')).toEqual([]); // before it is asked
    expect(bench.fails('a')).toEqual([]);
    expect(bench.ends('c', 'normal')).toEqual(['stopped (shutdown)']);
  });

  it('a child that exits abnormally during shutdown is reported', () => {
    const bench = Bench.running(abc);
    bench.stop();
    bench.fails('a', 'before it was asked');
    expect(bench.fails('c', 'when it was asked')).toEqual(['stop b']);
    expect(bench.reports).toEqual([
      'shutdown-error a: before it was asked',
      'shutdown-error c: when it was asked',
    ]);
    expect(bench.ends('b')).toEqual(['stopped (shutdown)']);
  });

  it('a permanent child that happens to end while others are stopped is reported, too', () => {
    const bench = Bench.running(abc);
    bench.stop();
    bench.ends('a', 'normal');
    expect(bench.reports).toEqual(["shutdown-error a: 'a' ended normally, and it is permanent"]);
  });

  it('a permanent child that answers its stop with normal had ended of itself, and is reported', () => {
    const bench = Bench.running(['a', { id: 'b', restart: 'transient' }]);
    bench.stop();
    expect(bench.ends('b', 'normal')).toEqual(['stop a']);
    expect(bench.ends('a', 'normal')).toEqual(['stopped (shutdown)']);
    expect(bench.reports).toEqual(["shutdown-error a: 'a' ended normally, and it is permanent"]);
  });

  it('stops during a back-off, and forgets the restart', () => {
    const bench = Bench.running(abc, { backoff: fixedDelay({ delayMs: 100 }) });
    bench.fails('b');
    expect(bench.at(2).stop()).toEqual(['stop c']);
    expect(bench.ends('c')).toEqual(['stop a']);
    expect(bench.at(500).ends('a')).toEqual(['stopped (shutdown)']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
  });

  it('a failure that has spent the budget is not lost by a stop', () => {
    const bench = Bench.running(abc, { intensity: 0 });
    expect(bench.fails('c', 'the reason')).toEqual(['stop b']);
    expect(bench.stop()).toEqual([]);
    expect(bench.ends('b')).toEqual(['stop a']);
    expect(bench.ends('a')).toEqual(['escalate after 0: the reason']);
  });

  it('kill: all at once, none is asked, those that were asked as well', () => {
    const bench = Bench.running(abc);
    bench.stop();
    expect(bench.send({ kind: 'kill' })).toEqual(['kill c', 'kill b', 'kill a']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
    expect(bench.send({ kind: 'kill' })).toEqual([]);
    expect(['a', 'c', 'b'].map((child) => bench.ends(child, 'killed'))).toEqual([
      [],
      [],
      ['stopped (shutdown)'],
    ]);
    expect(bench.reports).toEqual([]);
  });
});

describe('end of a child', () => {
  const restart = ['restarting a #1 in 0: '];
  it.each([
    ['permanent', 'normal', restart, true],
    ['permanent', 'shutdown', restart, true],
    ['permanent', 'abnormal', restart, true],
    ['transient', 'normal', [], false],
    ['transient', 'shutdown', [], false],
    ['transient', 'abnormal', restart, true],
    ['temporary', 'normal', [], false],
    ['temporary', 'shutdown', [], false],
    ['temporary', 'abnormal', [], true],
  ] as const)('%s × %s', (type, reason, expected, isReported) => {
    const bench = Bench.running([{ id: 'a', restart: type }, 'b']);
    const told = reason === 'abnormal' ? bench.fails('a') : bench.ends('a', reason);
    expect(told.filter((line) => line.startsWith('restarting'))).toEqual(
      expected.map((line) => expect.stringContaining(line)),
    );
    expect(told.filter((line) => line.startsWith('start '))).toEqual(
      expected.map(() => 'start a #1'),
    );
    expect(bench.reports).toHaveLength(isReported ? 1 : 0);
    for (const line of bench.reports) expect(line).toContain('child-terminated a: ');
    const states = { permanent: 'a:starting ', transient: 'a:down ', temporary: '' };
    expect(bench.states()).toBe(`${expected.length > 0 ? 'a:starting ' : states[type]}b:running`);
  });

  it('one that ends normally without having said that it started had started', () => {
    const bench = new Bench(['a', 'b'], { child: { restart: 'transient' } });
    bench.start();
    expect(bench.ends('a', 'normal')).toEqual(['start b']);
    bench.up('b');
    expect(bench.supervisor.hasStarted).toBe(true);
    expect(bench.states()).toBe('a:down b:running');
  });

  it('an abnormal end without a failure is explained by the name', () => {
    const bench = Bench.running(['a'], { intensity: 0 });
    expect(bench.send({ kind: 'child-ended', child: 'a', reason: 'abnormal' })).toEqual([
      "escalate after 0: 'a' ended without an explanation",
    ]);
  });

  it('what a former incarnation says changes nothing', () => {
    const bench = Bench.running(['a'], { intensity: 9 });
    const [old] = bench.incarnations.values();
    bench.fails('a');
    bench.up('a');
    for (const reason of ['normal', 'shutdown', 'abnormal'] as const) {
      expect(bench.send({ kind: 'child-ended', child: 'a', reason, incarnation: old! })).toEqual(
        [],
      );
    }
    expect(bench.states()).toBe('a:running');
    bench.fails('a');
    for (const kind of ['child-started', 'start-ignored', 'start-failed'] as const) {
      expect(bench.send({ kind, child: 'a', incarnation: old! })).toEqual([]);
    }
    expect(bench.states()).toBe('a:starting');
  });

  it('a shutdown without an incarnation that answers no stop is late and changes nothing', () => {
    const bench = Bench.running(abc, { strategy: 'one-for-all', intensity: 9 });
    const late = () => bench.send({ kind: 'child-ended', child: 'b', reason: 'shutdown' });
    expect(bench.fails('a')).toEqual(['restarting abc #1 in 0: a', 'stop c']);
    bench.fails('b'); // dies before it is asked ...
    expect(comeToRest(bench, bench.ends('c'))).toEqual(['start a #1', 'start b #1', 'start c #1']);
    expect(late()).toEqual([]); // ... and the answer comes late
    expect(bench.states()).toBe('a:running b:running c:running');
  });

  it('answers of children that are not there any more are late', () => {
    const bench = Bench.running([{ id: 'a', restart: 'temporary' }]);
    bench.ends('a', 'normal');
    expect([bench.fails('a'), bench.ends('a'), bench.up('a'), bench.ignores('a')]).toEqual([
      [],
      [],
      [],
      [],
    ]);
  });
});
