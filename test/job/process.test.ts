/** State and timers of process: the answer is that of a plain loop, whatever the slots, kills and restores. */

import { describe, expect, test } from 'vitest';
import { type Aggregation, fromCollection, runInline, type WindowRow } from '../../dist/index.js';
import silence, {
  type Alert,
  type Hour,
  SHOWN,
  SILENCE_MS,
  type Visit,
  type Visits,
  visit,
} from './fixtures/silence.job.js';
import { TICKING } from './fixtures/ticking.job.js';
import {
  fixture,
  type Kill,
  Meter,
  runningAgain,
  startMetered,
  temporaryFolder,
  throughKills,
  throughThirds,
  until,
} from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 6_000;
const INPUT = { count: COUNT, splits: 3 };
const HOUR_MS = 3_600_000;

const KILLS: readonly Kill[] = [
  [0, 'terminate'],
  [1, 'throw'],
  [1, 'exit'],
  [0, 'terminate'],
];

/** Each user's visits in the order of time: silence is a gap that is longer than ten minutes, or the end. */
function expectedAlerts(): readonly string[] {
  const times = new Map<string, number[]>();
  for (let i = 0; i < COUNT; i += 1) {
    const { user, time } = visit(i);
    times.set(user, [...(times.get(user) ?? []), time]);
  }
  return [...times]
    .flatMap(([user, all]) => {
      const sorted = all.sort((a, b) => a - b);
      return sorted
        .filter((time, i) => !(sorted[i + 1]! - time <= SILENCE_MS))
        .map((since) => `${user} ${since}`);
    })
    .sort();
}

const ALERTS = expectedAlerts();

/** What lies between silences: each ends with one. */
function expectedSessions(): readonly string[] {
  const visits = Array.from({ length: COUNT }, (_, i) => visit(i));
  const ends = ALERTS.map((alert) => alert.split(' ') as [string, string]);
  return ends.map(([user, since]) => {
    const own = visits.filter((one) => one.user === user).map(({ time }) => time);
    const former = ends.filter(([other, end]) => other === user && Number(end) < Number(since));
    const from = Math.max(...former.map(([, end]) => Number(end)));
    const within = own.filter((time) => time > from && time <= Number(since));
    return `${user} ${Math.min(...within)} ${Number(since) + SILENCE_MS} ${within.length}`;
  });
}

const SESSIONS = expectedSessions().toSorted();

function expectedHours(): readonly string[] {
  const times = new Map<string, number[]>();
  for (let i = 0; i < COUNT; i += 1) {
    const { user, time } = visit(i);
    const hour = `${user} ${Math.floor(time / HOUR_MS) * HOUR_MS}`;
    times.set(hour, [...(times.get(hour) ?? []), time]);
  }
  return [...times].map(([hour, own]) => `${hour} ${own.sort((a, b) => a - b).join()}`);
}

const HOURS = expectedHours().toSorted();

/** Of each user's visits seven at a time, and what is left. */
function expectedSevens(): readonly string[] {
  const counts = new Map<string, number>();
  for (let i = 0; i < COUNT; i += 1) {
    counts.set(visit(i).user, (counts.get(visit(i).user) ?? 0) + 1);
  }
  return [...counts].flatMap(([user, all]) => {
    const full = Array.from({ length: Math.floor(all / SHOWN) }, () => `${user} ${SHOWN}`);
    return all % SHOWN === 0 ? full : [...full, `${user} ${all % SHOWN}`];
  });
}

const SEVENS = expectedSevens().toSorted();

function requireRight(collected: Readonly<Record<string, readonly unknown[]>>): void {
  const alerts = (collected['alerts'] as Alert[]).map(({ user, since }) => `${user} ${since}`);
  expect(alerts.sort()).toEqual(ALERTS);
  const sessions = (
    collected['sessions'] as WindowRow<string, { visits: Aggregation<Visit, number> }>[]
  ).map(
    ({ key, windowStart, windowEnd, visits }) => `${key} ${windowStart} ${windowEnd} ${visits}`,
  );
  expect(sessions.sort()).toEqual(SESSIONS);
  const hours = (collected['hours'] as Hour[]).map(
    ({ user, from, times }) => `${user} ${from} ${times.join()}`,
  );
  expect(hours.sort()).toEqual(HOURS);
  const sevens = (
    collected['sevens'] as WindowRow<string, { visits: Aggregation<Visit, number> }>[]
  ).map(({ key, visits }) => `${key} ${visits}`);
  expect(sevens.sort()).toEqual(SEVENS);
  // Splits are read in an order of their own, so only the whole of a user's rows is known.
  const shown = new Map<string, number[]>();
  const seen = new Set<string>();
  for (const { user, visits, times } of collected['visits'] as Visits[]) {
    expect(times).toHaveLength(SHOWN);
    shown.set(user, [...(shown.get(user) ?? []), visits]);
    for (const time of times) seen.add(`${user} ${time}`);
  }
  const counts = new Map<string, number>();
  const visited = new Set<string>();
  for (let i = 0; i < COUNT; i += 1) {
    const { user, time } = visit(i);
    counts.set(user, (counts.get(user) ?? 0) + 1);
    visited.add(`${user} ${time}`);
  }
  for (const [user, visits] of counts) {
    const all = Array.from({ length: Math.floor(visits / SHOWN) }, (_, i) => (i + 1) * SHOWN);
    expect(shown.get(user) ?? []).toEqual(all);
  }
  expect([...seen].every((one) => visited.has(one))).toBe(true);
}

describe('silence of ten minutes, per user', () => {
  test('there is some, and not always', () => {
    expect(ALERTS.length).toBeGreaterThan(COUNT / 10);
    expect(ALERTS.length).toBeLessThan(COUNT - COUNT / 10);
  });

  test('is told in the calling thread', async () => {
    const { collected } = await runInline(silence, { args: INPUT });
    requireRight(collected);
  });

  test.each([1, 3])('is told in %i slots', async (parallelism) => {
    const job = await startMetered(
      'silence',
      INPUT,
      await temporaryFolder(),
      parallelism,
      new Meter(COUNT),
    );
    requireRight((await job.finished).collected);
  });

  test('is told through kills', async () => {
    const meter = new Meter();
    const job = await startMetered('silence', INPUT, await temporaryFolder(), 2, meter);
    const { collected } = await throughKills(job, meter, COUNT, KILLS);
    requireRight(collected);
  });

  test.each(['aligned', 'unaligned'] as const)(
    'is told when each third of the input has other slots: %s',
    async (alignment) => {
      const directory = await temporaryFolder();
      const checkpoint = { intervalMs: 3_600_000, alignment };
      const { collected } = await throughThirds(COUNT, (parallelism, meter) =>
        startMetered('silence', INPUT, directory, parallelism, meter, checkpoint),
      );
      requireRight(collected);
    },
  );
});

test('a timer whose callback fails is told of by key and time, not by a record', async () => {
  const failing = runInline((env) => {
    env
      .from(fromCollection([{ at: 1 }, { at: 2 }]))
      .withTimestamps(({ at }) => at)
      .keyBy(({ at }) => `key ${at}`)
      .process({
        onElement: (_record, { timers }) => timers.eventTime(5),
        onTimer() {
          throw new RangeError('too late');
        },
      })
      .uid('timed')
      .collect('none');
  });
  await expect(failing).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_USER_CODE',
    message: expect.stringMatching(/^operator 'timed', .*at { key: 'key 1', time: 5 } .*too late/),
    details: { record: "{ key: 'key 1', time: 5 }", position: "{ key: 'key 1', time: 5 }" },
  });
});

test('timers of the clock fire while no record comes, also after a kill, once each', async () => {
  const meter = new Meter(TICKING);
  const gate = new Meter();
  const job = await run(fixture('ticking'), {
    parallelism: 2,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 20 },
    args: { count: TICKING + 1, meter: meter.shared, gate: gate.shared },
  });
  await until(() => job.progress().sourceRecords >= TICKING, job);
  await job.checkpointNow();
  for (const slot of [0, 1]) {
    const again = runningAgain(job);
    job.kill(slot, 'terminate');
    await again;
  }
  expect(job.collected('ticks')).toEqual([]);
  gate.raise(1);
  await until(() => job.collected('ticks').length >= TICKING, job);
  meter.raise(TICKING + 1);
  const { collected, counters } = await job.finished;
  const keys = Array.from({ length: TICKING }, (_, i) => i);
  expect((collected['ticks'] as number[]).toSorted((a, b) => a - b)).toEqual(keys);
  expect(counters).toEqual({ timersLeft: 1 });
});
