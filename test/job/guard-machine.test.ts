import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../dist/base/random.js';
import {
  type GuardCommand,
  type GuardEvent,
  GuardMachine,
  type GuardOutcome,
} from '../../dist/guardian/machine.js';
import {
  exponentialBackoff,
  failureRate,
  fixedDelay,
  noRestart,
  type RestartStrategy,
} from '../../dist/supervisor/restart-strategy.js';

const death = { exitCode: undefined, signal: 'SIGKILL', failure: undefined };
type Counts = Readonly<Record<number, number>>;
const counts = (of: Counts) => new Map(Object.entries(of).map(([key, n]) => [Number(key), n]));
/** A death when splits stood there. */
const diedAt = (stood: Counts): GuardEvent => ({ kind: 'exited', death, stood: counts(stood) });
const exited = diedAt({});
/** A checkpoint of so many records in all, and of these splits. */
const checkpoint = (sourceRecords: number, splits: Counts = {}): GuardEvent => ({
  kind: 'checkpoint',
  sourceRecords,
  splits: counts(splits),
});
const failed: GuardOutcome = {
  kind: 'failed',
  failure: { kind: 'user-code', name: 'Error', message: 'no' },
};

function machine(restart: RestartStrategy = fixedDelay({ attempts: 2, delayMs: 10 })) {
  const guard = new GuardMachine({ restart, random: seededRandom(1) });
  expect(guard.handle({ kind: 'start' }, 0)).toEqual([{ kind: 'fork', process: 0 }]);
  return guard;
}

describe('the guardian decides', () => {
  test('a death is answered by a wait and a new process', () => {
    const guard = machine();
    expect(guard.handle(exited, 5)).toEqual([
      { kind: 'restarting', attempt: 1, delayMs: 10, death },
    ]);
    expect(guard.nextDeadline()).toBe(15);
    expect(guard.handle({ kind: 'tick' }, 14)).toEqual([]);
    expect(guard.handle({ kind: 'tick' }, 15)).toEqual([{ kind: 'fork', process: 1 }]);
    expect(guard.nextDeadline()).toBeUndefined();
  });

  test('without a delay the new process comes at once', () => {
    const guard = machine(fixedDelay({ attempts: 1, delayMs: 0 }));
    expect(guard.handle(exited, 5).map(({ kind }) => kind)).toEqual(['restarting', 'fork']);
  });

  test('a spent budget gives up, with the last death', () => {
    const guard = machine();
    for (const now of [10, 30]) {
      guard.handle(exited, now);
      guard.handle({ kind: 'tick' }, now + 10);
    }
    expect(guard.handle(exited, 50)).toEqual([{ kind: 'give-up', death, attempts: 2 }]);
    expect(guard.handle(exited, 51)).toEqual([]);
    expect(guard.handle({ kind: 'cancel' }, 52)).toEqual([]);
  });

  test('no restarts means none', () => {
    expect(machine(noRestart()).handle(exited, 1)).toEqual([
      { kind: 'give-up', death, attempts: 0 },
    ]);
  });

  test('a completed checkpoint beyond where the last process died makes the budget whole again', () => {
    const guard = machine();
    for (let now = 0; now < 1_000; now += 20) {
      expect(guard.handle(exited, now)).toMatchObject([{ kind: 'restarting', attempt: 1 }]);
      guard.handle({ kind: 'tick' }, now + 10);
      guard.handle(checkpoint(now), now + 11);
      guard.handle(checkpoint(now + 1), now + 12);
    }
  });

  test('checkpoints ahead of what ends each process do not', () => {
    const guard = machine();
    for (const attempt of [1, 2]) {
      guard.handle(checkpoint(900), attempt * 20);
      guard.handle({ kind: 'progress', sourceRecords: 1_000 }, attempt * 20);
      expect(guard.handle(exited, attempt * 20)).toMatchObject([{ kind: 'restarting', attempt }]);
      guard.handle({ kind: 'tick' }, attempt * 20 + 10);
      guard.handle(checkpoint(1_000), attempt * 20 + 11);
    }
    expect(guard.handle(exited, 90)).toMatchObject([{ kind: 'give-up', attempts: 2 }]);
  });

  test('what other splits read makes up for none that does not get on (G3)', () => {
    const guard = machine();
    for (const attempt of [1, 2]) {
      // Split 1 ends each process at its record 7; split 2 is beyond anything.
      guard.handle(checkpoint(attempt * 1_000, { 1: 7, 2: attempt * 1_000 }), attempt * 20);
      expect(guard.handle(diedAt({ 1: 8, 2: attempt * 1_000 + 9 }), attempt * 20)).toMatchObject([
        { kind: 'restarting', attempt },
      ]);
      guard.handle({ kind: 'tick' }, attempt * 20 + 10);
    }
    guard.handle(checkpoint(9_000, { 1: 7, 2: 9_000 }), 80);
    expect(guard.handle(diedAt({ 1: 8, 2: 9_900 }), 90)).toMatchObject([
      { kind: 'give-up', attempts: 2 },
    ]);
  });

  test('a checkpoint has to be beyond all deaths since the last progress, not just the last one', () => {
    const guard = machine();
    expect(guard.handle(diedAt({ 1: 5, 2: 1 }), 0)).toMatchObject([{ attempt: 1 }]);
    guard.handle({ kind: 'tick' }, 10);
    // Before its splits are open a process tells none of them.
    expect(guard.handle(diedAt({ 2: 3 }), 20)).toMatchObject([{ attempt: 2 }]);
    guard.handle({ kind: 'tick' }, 30);
    guard.handle(checkpoint(90, { 1: 4, 2: 86 }), 31);
    guard.handle(checkpoint(91, { 2: 91 }), 32);
    guard.handle(checkpoint(92, { 1: 5, 2: 3 }), 33);
    expect(guard.handle(diedAt({ 1: 5, 2: 3 }), 40)).toMatchObject([{ attempt: 1 }]);
    // What stood before the progress does not matter any more, and what has no records yet need not be there.
    guard.handle({ kind: 'tick' }, 50);
    expect(guard.handle(diedAt({ 1: 5, 2: 3, 3: 0 }), 60)).toMatchObject([{ attempt: 2 }]);
    guard.handle({ kind: 'tick' }, 70);
    guard.handle(checkpoint(93, { 1: 5, 2: 3 }), 71);
    expect(guard.handle(exited, 80)).toMatchObject([{ attempt: 1 }]);
  });

  test('a split that rests need not move, where others do', () => {
    const guard = machine();
    for (let now = 0; now < 1_000; now += 20) {
      expect(guard.handle(diedAt({ 1: 3, 2: now }), now)).toMatchObject([{ attempt: 1 }]);
      guard.handle({ kind: 'tick' }, now + 10);
      guard.handle(checkpoint(now + 4, { 1: 3, 2: now + 1 }), now + 11);
    }
  });

  test('a job that has said how it ended is not started again, however its process exits', () => {
    const guard = machine();
    expect(guard.handle({ kind: 'outcome', outcome: failed }, 1)).toEqual([]);
    expect(guard.handle(exited, 2)).toEqual([{ kind: 'end', outcome: failed }]);
    expect(guard.handle(exited, 3)).toEqual([]);
  });

  test('cancel ends a wait at once, and a living process with its exit', () => {
    const waiting = machine();
    waiting.handle(exited, 1);
    expect(waiting.handle({ kind: 'cancel' }, 2)).toEqual([
      { kind: 'end', outcome: { kind: 'canceled' } },
    ]);
    expect(waiting.handle({ kind: 'tick' }, 50)).toEqual([]);
    const alive = machine();
    expect(alive.handle({ kind: 'cancel' }, 2)).toEqual([]);
    expect(alive.handle(exited, 3)).toEqual([{ kind: 'end', outcome: { kind: 'canceled' } }]);
  });

  test('a stop cuts a wait short, and leaves everything else as it is (G5)', () => {
    const guard = machine();
    expect(guard.handle({ kind: 'stop' }, 1)).toEqual([]);
    guard.handle(exited, 5);
    expect(guard.handle({ kind: 'stop' }, 6)).toEqual([{ kind: 'fork', process: 1 }]);
    expect(guard.nextDeadline()).toBeUndefined();
    expect(guard.handle({ kind: 'tick' }, 15)).toEqual([]);
    // It counts, and its successor waits.
    expect(guard.handle(exited, 20)).toMatchObject([{ kind: 'restarting', attempt: 2 }]);
    expect(guard.handle({ kind: 'stop' }, 21)).toEqual([{ kind: 'fork', process: 2 }]);
    expect(guard.handle(exited, 22)).toEqual([{ kind: 'give-up', death, attempts: 2 }]);
    expect(guard.handle({ kind: 'stop' }, 23)).toEqual([]);
  });

  test('a failure rate counts deaths, and progress does not reset it', () => {
    const guard = machine(failureRate({ failures: 2, intervalMs: 100, delayMs: 0 }));
    for (const now of [10, 50]) {
      expect(guard.handle(exited, now).map(({ kind }) => kind)).toEqual(['restarting', 'fork']);
      guard.handle(checkpoint(now), now + 1);
    }
    expect(guard.handle(exited, 90)).toMatchObject([{ kind: 'give-up' }]);
    const rare = machine(failureRate({ failures: 2, intervalMs: 100, delayMs: 0 }));
    for (let now = 10; now < 1_000; now += 60) {
      expect(rare.handle(exited, now).map(({ kind }) => kind)).toEqual(['restarting', 'fork']);
    }
  });

  test('exponential delays grow, and a checkpoint makes them short again', () => {
    const options = { initialMs: 10, factor: 2, maxMs: 1_000, jitter: 0, maxAttempts: 5 };
    const guard = machine(exponentialBackoff(options));
    const delays = (): unknown => {
      const [command] = guard.handle(exited, 0);
      guard.handle({ kind: 'tick' }, 10_000);
      return command?.kind === 'restarting' ? command.delayMs : command?.kind;
    };
    expect([delays(), delays(), delays()]).toEqual([10, 20, 40]);
    guard.handle(checkpoint(1), 1);
    expect([delays(), delays(), delays(), delays(), delays(), delays()]).toEqual([
      10,
      20,
      40,
      80,
      160,
      'give-up',
    ]);
  });

  test('whatever happens: one life at a time, each death answered once, one end (G1–G4)', () => {
    const splits = fc.record({ 1: fc.nat(3), 2: fc.nat(3) });
    const events = fc.array(
      fc.record({
        event: fc.oneof(
          fc
            .tuple(fc.nat(9), splits)
            .map<GuardEvent>(([sourceRecords, at]) => checkpoint(sourceRecords, at)),
          fc.nat(9).map<GuardEvent>((sourceRecords) => ({ kind: 'progress', sourceRecords })),
          fc.constant<GuardEvent>({ kind: 'outcome', outcome: failed }),
          splits.map(diedAt),
          splits.map(diedAt),
          fc.constant<GuardEvent>({ kind: 'tick' }),
          fc.constant<GuardEvent>({ kind: 'stop' }),
        ),
        afterMs: fc.integer({ min: 0, max: 30 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(events, fc.integer({ min: 0, max: 3 }), (steps, maxAttempts) => {
        const restart = exponentialBackoff({ maxAttempts, initialMs: 5, maxMs: 20 });
        const guard = new GuardMachine({ restart, random: seededRandom(7) });
        let now = 0;
        let lives = 1;
        let alive = true;
        let ended = false;
        let settled = false;
        let sinceProgress = 0;
        let [read, readThen] = [0, -1];
        let deaths: ReadonlyMap<number, number>[] = [];
        guard.handle({ kind: 'start' }, now);
        for (const { event, afterMs } of steps) {
          now += afterMs;
          const commands: readonly GuardCommand[] = guard.handle(event, now);
          const kinds = commands.map(({ kind }) => kind);
          if (ended) expect(kinds).toEqual([]);
          if (event.kind === 'outcome' && alive) settled = true;
          if ('sourceRecords' in event && alive && !settled) {
            read = Math.max(read, event.sourceRecords);
            const isBeyond =
              event.kind === 'checkpoint' &&
              event.sourceRecords > readThen &&
              deaths.every((stood) => [...stood].every(([key, n]) => event.splits.get(key)! >= n));
            if (isBeyond) [sinceProgress, deaths] = [0, []];
          }
          if (event.kind === 'exited' && alive) {
            alive = false;
            readThen = read;
            deaths.push(event.stood);
            if (settled) expect(kinds).toEqual(['end']);
            else if (sinceProgress >= maxAttempts) expect(kinds).toEqual(['give-up']);
            else {
              expect(kinds[0]).toBe('restarting');
              sinceProgress += 1;
            }
          }
          for (const command of commands) {
            if (command.kind === 'fork') {
              expect(alive).toBe(false);
              expect(command.process).toBe(lives);
              lives += 1;
              alive = true;
            }
            if (command.kind === 'end' || command.kind === 'give-up') ended = true;
          }
        }
      }),
    );
  });
});
