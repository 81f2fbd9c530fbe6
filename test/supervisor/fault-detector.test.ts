import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FaultDetector, type Verdict } from '../../src/supervisor/fault-detector.js';

/** What happens in one round of 50 ms. */
interface Round {
  readonly beat?: boolean;
  readonly moves?: boolean;
  readonly utilization?: number | undefined;
  readonly late?: boolean;
  readonly ms?: number;
  /** How much of the round the thread waited for a processor. */
  readonly starvedMs?: number;
}

class Watch {
  readonly detector: FaultDetector;
  now = 1_000;
  waitedMs = 0;
  progress = 2 ** 31 - 3; // wraps around soon

  constructor(busyLimitMs?: number) {
    const options = { intervalMs: 100, timeoutMs: 1_000, busyLimitMs };
    this.detector = new FaultDetector(options, this.now);
  }

  round({ beat, moves, utilization = 1, late = false, ms = 50, starvedMs = 0 }: Round): Verdict {
    this.now += ms;
    if (beat === true) this.detector.beat(this.now);
    if (moves === true) this.progress = (this.progress + 1) | 0;
    this.waitedMs += starvedMs;
    return this.detector.observe({
      now: this.now,
      progress: this.progress,
      utilization,
      late,
      waitedMs: this.waitedMs,
    });
  }

  /** The same for many rounds: verdicts with the times, in ms since now, at which they began. */
  rounds(count: number, round: Round): [number, Verdict][] {
    const start = this.now;
    const seen: [number, Verdict][] = [];
    for (let n = 0; n < count; n += 1) {
      const verdict = this.round(round);
      if (seen.at(-1)?.[1] !== verdict) seen.push([this.now - start, verdict]);
    }
    return seen;
  }

  static settled(busyLimitMs?: number): Watch {
    const watch = new Watch(busyLimitMs);
    expect(watch.rounds(20, { beat: true, moves: true })).toEqual([[50, 'alive']]);
    return watch;
  }
}

describe('fault detector', () => {
  it('never takes a thread for hung that waits for a processor', () => {
    const watch = Watch.settled();
    expect(watch.rounds(200, { starvedMs: 50 }).map(([, verdict]) => verdict)).not.toContain(
      'hung',
    );
  });

  it('finds a hang on a busy machine by the time that the thread did run', () => {
    const watch = Watch.settled();
    const verdicts = watch.rounds(100, { starvedMs: 25 });
    const hung = verdicts.find(([, verdict]) => verdict === 'hung');
    expect(hung?.[0]).toBeGreaterThan(1_900);
    expect(hung?.[0]).toBeLessThanOrEqual(2_100);
  });

  it('takes a long wait, which is told when it is over, off the whole silence', () => {
    const watch = Watch.settled();
    expect(watch.rounds(18, {}).at(-1)?.[1]).toBe('suspect');
    // Of 900 ms of silence it has waited 800.
    expect(watch.round({ starvedMs: 800 })).not.toBe('hung');
    expect(watch.rounds(15, {}).at(-1)?.[1]).toBe('suspect');
    expect(watch.rounds(2, {}).at(-1)?.[1]).toBe('hung');
  });

  it('credits a wait to the silence that it was part of, and to no later one', () => {
    const watch = Watch.settled();
    watch.round({ beat: true, starvedMs: 60_000 });
    expect(watch.rounds(60, {}).find(([, verdict]) => verdict === 'hung')).toEqual([1_000, 'hung']);
  });

  it('does not take what was waited before the first look, or while nothing was told, for a wait now', () => {
    const watch = new Watch();
    watch.waitedMs = 500_000;
    watch.round({});
    expect(watch.rounds(30, {}).find(([, verdict]) => verdict === 'hung')).toEqual([950, 'hung']);
  });

  it('counts a wait beside the lateness of the observer, not twice', () => {
    const watch = Watch.settled();
    watch.rounds(18, {});
    expect(watch.round({ ms: 3_000, late: true, starvedMs: 3_000 })).toBe('suspect');
    expect(watch.rounds(2, {}).at(-1)?.[1]).toBe('hung');
  });

  it.each<[string, Round, [number, Verdict][]]>([
    ['beats and progress: alive', { beat: true, moves: true }, [[50, 'alive']]],
    [
      'beats alone: idle',
      { beat: true },
      [
        [50, 'alive'],
        [200, 'idle'],
      ],
    ],
    [
      'progress alone: busy, for ever',
      { moves: true },
      [
        [50, 'alive'],
        [200, 'busy'],
      ],
    ],
    [
      'neither: suspect, hung once after the timeout, then dead',
      {},
      [
        [50, 'alive'],
        [200, 'suspect'],
        [1_000, 'hung'],
        [1_050, 'dead'],
      ],
    ],
    [
      'neither, utilisation not known: the same',
      { utilization: undefined },
      [
        [50, 'alive'],
        [200, 'suspect'],
        [1_000, 'hung'],
        [1_050, 'dead'],
      ],
    ],
    [
      'neither, with a quiet loop: suspect for twice as long, and hung in the end',
      { utilization: 0.01 },
      [
        [50, 'alive'],
        [200, 'suspect'],
        [2_000, 'hung'],
        [2_050, 'dead'],
      ],
    ],
  ])('%s', (_, round, expected) => {
    const watch = Watch.settled();
    const verdicts: [number, Verdict][] = [];
    const start = watch.now;
    for (let n = 0; n < 60; n += 1) {
      watch.now += 50;
      if (round.beat === true) watch.detector.beat(watch.now);
      if (round.moves === true) watch.progress = (watch.progress + 1) | 0;
      // An explicit undefined has to get past the default of `Watch.round`.
      const utilization = 'utilization' in round ? round.utilization : 1;
      const { now, progress } = watch;
      const verdict = watch.detector.observe({ now, progress, utilization, late: false });
      if (verdicts.at(-1)?.[1] !== verdict) verdicts.push([now - start, verdict]);
    }
    expect(verdicts).toEqual(expected);
  });

  it('judges a new thread by the same times, without any sign', () => {
    expect(new Watch().rounds(30, {})).toEqual([
      [50, 'alive'],
      [200, 'suspect'],
      [1_000, 'hung'],
      [1_050, 'dead'],
    ]);
  });

  it('one late sign begins the time anew', () => {
    for (const sign of [{ beat: true }, { moves: true }]) {
      const watch = Watch.settled();
      watch.rounds(19, {});
      expect(watch.round(sign)).not.toBe('hung');
      expect(watch.rounds(19, {}).at(-1)?.[1]).toBe('suspect');
      expect(watch.round({})).toBe('hung');
    }
  });

  it('a loop that was active once in the silence has the shorter time', () => {
    const watch = Watch.settled();
    watch.rounds(10, { utilization: 0 });
    watch.round({ utilization: 0.5 });
    expect(watch.rounds(30, { utilization: 0 }).find(([, verdict]) => verdict === 'hung')).toEqual([
      450,
      'hung',
    ]);
  });

  it('what the loop did before the last sign does not count', () => {
    const watch = Watch.settled();
    watch.round({ beat: true, utilization: 1 });
    expect(watch.rounds(60, { utilization: 0 }).find(([, verdict]) => verdict === 'hung')).toEqual([
      2_000,
      'hung',
    ]);
  });

  it('a busy thread is ended at its limit, never before', () => {
    const watch = Watch.settled(5_000);
    expect(watch.rounds(120, { moves: true })).toEqual([
      [50, 'alive'],
      [200, 'busy'],
      [5_000, 'hung'],
      [5_050, 'dead'],
    ]);
  });

  it('time in which the observer was late is not counted', () => {
    const watch = Watch.settled();
    watch.rounds(18, {});
    expect(watch.round({ ms: 30_000, late: true })).toBe('suspect');
    expect(watch.round({})).toBe('suspect');
    expect(watch.round({})).toBe('hung');
  });

  it('being late hides no sign', () => {
    const watch = Watch.settled();
    watch.rounds(18, {});
    expect(watch.round({ ms: 5_000, late: true, beat: true, moves: true })).toBe('alive');
  });

  it('a thread that is known to be gone is dead', () => {
    const watch = Watch.settled();
    watch.detector.died();
    expect(watch.rounds(3, { beat: true, moves: true })).toEqual([[50, 'dead']]);
  });

  const anyRound = fc.record({
    beat: fc.boolean(),
    moves: fc.boolean(),
    utilization: fc.constantFrom(0, 0.04, 0.05, 1),
    late: fc.boolean(),
    ms: fc.nat({ max: 700 }),
  });

  it('hung exactly when counted silence says so, and once', () => {
    fc.assert(
      fc.property(
        fc.array(anyRound, { maxLength: 80 }),
        fc.option(fc.integer({ min: 1_000, max: 3_000 }), { nil: undefined }),
        (rounds, busyLimitMs) => {
          const watch = new Watch(busyLimitMs);
          let noBeatMs = 0;
          let noProgressMs = 0;
          let quiet = true;
          let isFirst = true;
          let hung = false;
          for (const round of rounds) {
            const counted = round.late ? 0 : round.ms;
            // The first look at the counter has nothing to compare it with.
            const moves = round.moves && !isFirst;
            noBeatMs = round.beat ? 0 : noBeatMs + counted;
            noProgressMs = moves ? 0 : noProgressMs + counted;
            if (round.beat || moves || isFirst) quiet = true;
            else if (round.utilization >= 0.05) quiet = false;
            isFirst = false;
            const verdict = watch.round(round);
            if (hung) {
              expect(verdict).toBe('dead');
              continue;
            }
            const silentMs = Math.min(noBeatMs, noProgressMs);
            const limitMs = busyLimitMs ?? Number.POSITIVE_INFINITY;
            if (silentMs >= 2_000 || noBeatMs >= limitMs) expect(verdict).toBe('hung');
            else if (silentMs < 1_000) expect(verdict).not.toBe('hung');
            else expect(verdict === 'hung').toBe(!quiet);
            if (verdict === 'hung') hung = true;
            if (verdict === 'busy') expect(noBeatMs).toBeGreaterThanOrEqual(200);
            if (verdict === 'idle' || verdict === 'alive') expect(noBeatMs).toBeLessThan(200);
            expect(verdict).not.toBe('dead');
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
