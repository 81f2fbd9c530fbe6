import { describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import type { Failure } from '../../src/base/failure.js';
import { seededRandom } from '../../src/base/random.js';
import {
  exponentialBackoff,
  fixedDelay,
  noRestart,
  type RestartStrategy,
} from '../../src/supervisor/restart-strategy.js';
import {
  type SupervisionStrategy,
  Supervisor,
  type SupervisorCommand,
  type SupervisorEvent,
} from '../../src/supervisor/supervisor.js';

const failure = (message: string): Failure => ({ kind: 'thread-error', name: 'Error', message });

/** Commands as short text: what a table can be read by. */
function text(command: SupervisorCommand): string {
  switch (command.kind) {
    case 'start-child':
      return command.attempt === 0
        ? `start ${command.child}`
        : `start ${command.child} #${command.attempt}`;
    case 'stop-child':
      return `stop ${command.child}`;
    case 'restarting':
      return `restarting ${command.children.join('')} #${command.attempt} in ${command.delayMs}: ${command.failure.message}`;
    case 'escalate':
      return `escalate after ${command.attempts}: ${command.failure.message}`;
    case 'stopped':
      return 'stopped';
  }
}

class Bench {
  readonly supervisor: Supervisor;

  constructor(
    strategy: SupervisionStrategy,
    restart: RestartStrategy = fixedDelay({ attempts: 2, delayMs: 100 }),
    children = ['a', 'b', 'c'],
  ) {
    this.supervisor = new Supervisor({ children, strategy, restart, random: seededRandom(1) });
  }

  at(now: number, event: SupervisorEvent): string[] {
    return this.supervisor.handle(event, now).map(text);
  }

  started(now: number, children: string): void {
    for (const child of children)
      expect(this.at(now, { kind: 'child-started', child })).toEqual([]);
  }

  fails(now: number, child: string): string[] {
    const event = { kind: 'child-ended', child, reason: 'abnormal', failure: failure(child) };
    return this.at(now, event as SupervisorEvent);
  }

  ended(now: number, child: string, reason: 'normal' | 'shutdown' = 'shutdown'): string[] {
    return this.at(now, { kind: 'child-ended', child, reason });
  }

  tick(now: number): string[] {
    return this.at(now, { kind: 'tick' });
  }

  static running(strategy: SupervisionStrategy, restart?: RestartStrategy): Bench {
    const bench = new Bench(strategy, restart);
    expect(bench.at(0, { kind: 'start' })).toEqual(['start a', 'start b', 'start c']);
    bench.started(0, 'abc');
    return bench;
  }
}

describe('start and stop', () => {
  it('stops in reverse order and says so when all are down', () => {
    const bench = Bench.running('one-for-one');
    expect(bench.at(1, { kind: 'stop' })).toEqual(['stop c', 'stop b', 'stop a']);
    expect(bench.at(1, { kind: 'stop' })).toEqual([]);
    expect(bench.ended(2, 'a')).toEqual([]);
    expect(bench.ended(2, 'c')).toEqual([]);
    expect(bench.ended(2, 'b')).toEqual(['stopped']);
    expect(bench.at(3, { kind: 'stop' })).toEqual([]);
    expect(bench.fails(3, 'a')).toEqual([]);
  });

  it('stops without having started', () => {
    expect(new Bench('one-for-all').at(0, { kind: 'stop' })).toEqual(['stopped']);
  });

  it('stops children that are still starting', () => {
    const bench = new Bench('one-for-all');
    bench.at(0, { kind: 'start' });
    bench.started(0, 'a');
    expect(bench.at(1, { kind: 'stop' })).toEqual(['stop c', 'stop b', 'stop a']);
    bench.started(1, 'b'); // too late to matter
    expect([bench.ended(2, 'a'), bench.ended(2, 'b'), bench.ended(2, 'c')]).toEqual([
      [],
      [],
      ['stopped'],
    ]);
  });

  it('a child that dies or ends while it is being stopped is down, at no cost', () => {
    const bench = Bench.running('one-for-one');
    bench.at(1, { kind: 'stop' });
    expect([bench.fails(2, 'b'), bench.ended(2, 'a', 'normal'), bench.ended(2, 'c')]).toEqual([
      [],
      [],
      ['stopped'],
    ]);
  });

  it('stops during a back-off', () => {
    const bench = Bench.running('one-for-one');
    bench.fails(1, 'b');
    expect(bench.at(2, { kind: 'stop' })).toEqual(['stop c', 'stop a']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
    expect([bench.tick(500), bench.ended(501, 'c'), bench.ended(502, 'a')]).toEqual([
      [],
      [],
      ['stopped'],
    ]);
  });

  it('a child that fails to start for ever leaves the supervisor responsive', () => {
    const bench = new Bench('one-for-one', fixedDelay({ attempts: Infinity, delayMs: 0 }), ['a']);
    bench.at(0, { kind: 'start' });
    for (let n = 1; n <= 1_000; n += 1) {
      expect(bench.fails(n, 'a')).toEqual([`restarting a #${n} in 0: a`, `start a #${n}`]);
    }
    expect(bench.at(2_000, { kind: 'stop' })).toEqual(['stop a']);
    expect(bench.fails(2_001, 'a')).toEqual(['stopped']);
  });

  it('refuses two children of one name, and a name it does not know', () => {
    const internal = (error: unknown) => isHoldfastError(error, 'ERR_HOLDFAST_INTERNAL');
    expect(() => new Bench('one-for-one', noRestart(), ['a', 'a'])).toThrow(
      expect.toSatisfy(internal),
    );
    expect(() => Bench.running('one-for-one').fails(1, 'x')).toThrow(expect.toSatisfy(internal));
  });
});

describe('end of a child', () => {
  it.each(['one-for-one', 'one-for-all', 'rest-for-one'] as const)(
    '%s: a normal end is no failure',
    (strategy) => {
      const bench = Bench.running(strategy);
      expect(bench.ended(1, 'b', 'normal')).toEqual([]);
      expect(bench.supervisor.nextDeadline()).toBeUndefined();
      expect(bench.at(2, { kind: 'stop' })).toEqual(['stop c', 'stop a']);
    },
  );

  it('a shutdown that answers no stop is late and changes nothing', () => {
    const bench = Bench.running('one-for-all', fixedDelay({ attempts: 2, delayMs: 0 }));
    bench.fails(1, 'a');
    bench.fails(2, 'b'); // dies before it is stopped ...
    expect(bench.ended(3, 'c')).toEqual(['start a #1', 'start b #1', 'start c #1']);
    expect(bench.ended(4, 'b')).toEqual([]); // ... and the answer to the stop comes late
    bench.started(5, 'abc');
    expect(bench.ended(6, 'b')).toEqual([]);
    expect(bench.fails(7, 'b')).toEqual(['restarting abc #2 in 0: b', 'stop c', 'stop a']);
  });

  it('an abnormal end without a failure is explained by the name', () => {
    const bench = Bench.running('one-for-one', noRestart());
    bench.at(1, { kind: 'child-ended', child: 'b', reason: 'abnormal' });
    bench.ended(2, 'a');
    expect(bench.ended(2, 'c')).toEqual(["escalate after 0: 'b' ended without an explanation"]);
  });
});

describe('one-for-one', () => {
  it('restarts only what failed, each after its own delay', () => {
    const bench = Bench.running('one-for-one');
    expect(bench.fails(10, 'b')).toEqual(['restarting b #1 in 100: b']);
    expect(bench.fails(30, 'a')).toEqual(['restarting a #2 in 100: a']);
    expect(bench.supervisor.nextDeadline()).toBe(110);
    expect(bench.tick(109)).toEqual([]);
    expect(bench.tick(110)).toEqual(['start b #1']);
    expect(bench.supervisor.nextDeadline()).toBe(130);
    expect(bench.tick(130)).toEqual(['start a #2']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
  });

  it('escalates after the budget, once all are down', () => {
    const bench = Bench.running('one-for-one');
    bench.fails(1, 'b');
    bench.tick(101);
    bench.fails(102, 'b'); // while starting: it costs an attempt
    bench.tick(202);
    bench.started(203, 'b');
    expect(bench.fails(204, 'b')).toEqual(['stop c', 'stop a']);
    expect(bench.ended(205, 'a')).toEqual([]);
    expect(bench.ended(205, 'c')).toEqual(['escalate after 2: b']);
    expect(bench.at(206, { kind: 'stop' })).toEqual([]);
  });
});

describe('one-for-all', () => {
  it('stops the others in reverse order, starts all in order; the delay runs from the failure', () => {
    const bench = Bench.running('one-for-all');
    expect(bench.fails(10, 'b')).toEqual(['restarting abc #1 in 100: b', 'stop c', 'stop a']);
    expect(bench.supervisor.nextDeadline()).toBeUndefined();
    expect(bench.ended(20, 'a')).toEqual([]);
    expect(bench.ended(30, 'c')).toEqual([]);
    expect(bench.supervisor.nextDeadline()).toBe(110);
    expect(bench.tick(110)).toEqual(['start a #1', 'start b #1', 'start c #1']);
  });

  it('starts at once when stopping took longer than the delay', () => {
    const bench = Bench.running('one-for-all');
    bench.fails(10, 'b');
    bench.ended(20, 'a');
    expect(bench.tick(110)).toEqual([]);
    expect(bench.ended(200, 'c')).toEqual(['start a #1', 'start b #1', 'start c #1']);
  });

  it('what fails while stopping or waiting is collateral', () => {
    const bench = Bench.running('one-for-all');
    bench.fails(10, 'b');
    expect(bench.fails(11, 'a')).toEqual([]);
    expect(bench.fails(12, 'c')).toEqual([]);
    expect(bench.fails(13, 'a')).toEqual([]);
    expect(bench.tick(110)).toEqual(['start a #1', 'start b #1', 'start c #1']);
  });

  it('another child that fails while they start costs an attempt', () => {
    const bench = Bench.running('one-for-all', fixedDelay({ attempts: 2, delayMs: 0 }));
    bench.fails(1, 'b');
    bench.ended(2, 'a');
    bench.ended(2, 'c');
    bench.started(3, 'a');
    expect(bench.fails(4, 'c')).toEqual(['restarting abc #2 in 0: c', 'stop b', 'stop a']);
    bench.ended(5, 'a');
    expect(bench.ended(5, 'b')).toEqual(['start a #2', 'start b #2', 'start c #2']);
    expect(bench.fails(6, 'a')).toEqual(['stop c', 'stop b']);
    expect(bench.fails(7, 'b')).toEqual([]);
    expect(bench.ended(7, 'c')).toEqual(['escalate after 2: a']);
  });

  it('progress gives the budget back', () => {
    const bench = Bench.running('one-for-all', fixedDelay({ attempts: 1, delayMs: 0 }));
    for (let round = 0; round < 20; round += 1) {
      expect(bench.fails(round, 'a')[0]).toBe('restarting abc #1 in 0: a');
      bench.ended(round, 'c');
      expect(bench.ended(round, 'b')).toEqual(['start a #1', 'start b #1', 'start c #1']);
      bench.started(round, 'abc');
      bench.at(round, { kind: 'progress' });
    }
  });

  it('escalates at once when there is nobody to stop, and without a budget', () => {
    const alone = new Bench('one-for-all', noRestart(), ['a']);
    alone.at(0, { kind: 'start' });
    expect(alone.fails(1, 'a')).toEqual(['escalate after 0: a']);
  });

  it('a stop does not lose a failure that has spent the budget', () => {
    const bench = Bench.running('one-for-all', noRestart());
    bench.fails(1, 'c');
    expect(bench.at(2, { kind: 'stop' })).toEqual([]);
    bench.ended(3, 'b');
    expect(bench.ended(3, 'a')).toEqual(['escalate after 0: c']);
  });
});

describe('rest-for-one', () => {
  it('restarts what failed and those started after it', () => {
    const bench = Bench.running('rest-for-one');
    expect(bench.fails(10, 'b')).toEqual(['restarting bc #1 in 100: b', 'stop c']);
    bench.ended(11, 'c');
    expect(bench.tick(110)).toEqual(['start b #1', 'start c #1']);
  });

  it('an earlier child that fails meanwhile takes the waiting ones along, at the later time', () => {
    const bench = Bench.running('rest-for-one');
    bench.fails(10, 'c');
    expect(bench.fails(50, 'a')).toEqual(['restarting abc #2 in 100: a', 'stop b']);
    expect(bench.tick(110)).toEqual([]);
    expect(bench.ended(120, 'b')).toEqual([]);
    expect(bench.supervisor.nextDeadline()).toBe(150);
    expect(bench.tick(150)).toEqual(['start a #2', 'start b #2', 'start c #2']);
  });

  it('a shorter delay of a later failure does not cut a longer one short', () => {
    const restart = exponentialBackoff({ initialMs: 10, factor: 10, jitter: 0 });
    const bench = Bench.running('rest-for-one', restart);
    bench.fails(0, 'c');
    expect(bench.tick(10)).toEqual(['start c #1']);
    expect(bench.fails(20, 'c')).toEqual(['restarting c #2 in 100: c']);
    bench.at(21, { kind: 'progress' });
    expect(bench.fails(22, 'b')).toEqual(['restarting bc #1 in 10: b']);
    expect(bench.supervisor.nextDeadline()).toBe(120);
    expect(bench.tick(119)).toEqual([]);
    expect(bench.tick(120)).toEqual(['start b #1', 'start c #1']);
  });

  it('a later child that fails while it is stopped is collateral', () => {
    const bench = Bench.running('rest-for-one');
    bench.fails(10, 'a');
    expect(bench.fails(11, 'c')).toEqual([]);
    expect(bench.ended(12, 'b')).toEqual([]);
    expect(bench.tick(110)).toEqual(['start a #1', 'start b #1', 'start c #1']);
  });

  it('escalates after the budget', () => {
    const bench = Bench.running('rest-for-one', noRestart());
    expect(bench.fails(1, 'c')).toEqual(['stop b', 'stop a']);
    bench.ended(2, 'b');
    expect(bench.ended(2, 'a')).toEqual(['escalate after 0: c']);
  });
});

describe('scale', () => {
  it('stops and starts 10 000 children, each exactly once', () => {
    const names = Array.from({ length: 10_000 }, (_, at) => `child-${at}`);
    const bench = new Bench('one-for-all', fixedDelay({ delayMs: 0 }), names);
    expect(bench.at(0, { kind: 'start' })).toEqual(names.map((name) => `start ${name}`));
    expect(bench.fails(1, 'child-5000')).toHaveLength(10_000);
    let last: string[] = [];
    for (const name of names) {
      if (name === 'child-5000') continue;
      expect(last).toEqual([]);
      last = bench.ended(2, name);
    }
    expect(last).toEqual(names.map((name) => `start ${name} #1`));
  });
});
