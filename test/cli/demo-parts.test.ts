import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { comparePublished } from '../../dist/demo/compare.js';
import { type FlightsRow, rowKey } from '../../dist/demo/flights-data.js';
import { type DirectorEvent, KillDirector } from '../../dist/demo/kill-director.js';
import { median } from '../../dist/demo/kill-log.js';
import { killCauses, type PlannedKill, planKills } from '../../dist/demo/kill-plan.js';

const options = { kills: 10, causes: killCauses, seed: 1, slots: 2, records: 3_000_000 };

describe('the plan of kills', () => {
  test('the same seed, the same plan; another seed, another', () => {
    expect(planKills(options)).toEqual(planKills(options));
    expect(planKills(options)).not.toEqual(planKills({ ...options, seed: 2 }));
  });

  test('for every seed: as many as asked for, every cause, the process once, in order, with room', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 5, max: 20 }), (seed, kills) => {
        const plan = planKills({ ...options, seed, kills });
        expect(plan).toHaveLength(kills + 1);
        const ofSlots = plan.filter(({ target }) => target.kind === 'slot');
        expect(ofSlots).toHaveLength(kills);
        expect(new Set(ofSlots.map(({ cause }) => cause))).toEqual(new Set(killCauses));
        const places = plan.map(({ atRecords }) => atRecords);
        expect(places).toEqual([...places].sort((a, b) => a - b));
        expect(places[0]).toBeGreaterThanOrEqual(90_000);
        expect(places.at(-1)).toBeLessThanOrEqual(2_100_000);
      }),
    );
  });

  test('no kills: only the process', () => {
    expect(planKills({ ...options, kills: 0 })).toMatchObject([{ cause: 'SIGKILL' }]);
  });
});

describe('the director', () => {
  const slot = { kind: 'slot', slot: 0 } as const;
  const plan: readonly PlannedKill[] = [
    { atRecords: 100, target: slot, cause: 'throw' },
    { atRecords: 200, target: slot, cause: 'exit' },
  ];
  const progress = (records: number): DirectorEvent => ({ kind: 'progress', records });

  test('kills at its place, after a checkpoint; asks for one when it is missing', () => {
    const director = new KillDirector(plan);
    expect(director.handle(progress(50))).toEqual([{ kind: 'ask-checkpoint' }]);
    expect(director.handle(progress(150))).toEqual([]);
    expect(director.handle({ kind: 'checkpoint-completed' })).toEqual([
      { kind: 'kill', number: 1, planned: plan[0] },
    ]);
    expect(director.handle({ kind: 'checkpoint-completed' })).toEqual([]);
    director.handle({ kind: 'down' });
    expect(director.handle(progress(500))).toEqual([]);
    expect(director.handle({ kind: 'recovered' })).toEqual([{ kind: 'ask-checkpoint' }]);
    director.handle({ kind: 'checkpoint-refused' });
    expect(director.handle(progress(120))).toEqual([{ kind: 'ask-checkpoint' }]);
    expect(director.handle({ kind: 'checkpoint-completed' })).toEqual([]);
    expect(director.handle(progress(250))).toEqual([{ kind: 'kill', number: 2, planned: plan[1] }]);
    expect(director.done).toBe(1);
    director.handle({ kind: 'down' });
    director.handle({ kind: 'recovered' });
    expect(director.done).toBe(2);
    expect(director.handle(progress(900))).toEqual([]);
  });

  test('whatever happens: each kill once, in order, a checkpoint and a recovery between two', () => {
    const events = fc.array(
      fc.oneof(
        fc.nat({ max: 300 }).map(progress),
        fc.constantFrom<DirectorEvent>(
          { kind: 'checkpoint-completed' },
          { kind: 'checkpoint-refused' },
          { kind: 'down' },
          { kind: 'recovered' },
        ),
      ),
      { maxLength: 100 },
    );
    fc.assert(
      fc.property(events, (steps) => {
        const director = new KillDirector(plan);
        let killed = 0;
        let checkpoints = 0;
        let isUp = true;
        for (const event of steps) {
          if (event.kind === 'checkpoint-completed') checkpoints += 1;
          if (event.kind === 'down') [isUp, checkpoints] = [false, 0];
          if (event.kind === 'recovered') isUp = true;
          for (const command of director.handle(event)) {
            if (command.kind !== 'kill') continue;
            killed += 1;
            expect(command.number).toBe(killed);
            expect(isUp).toBe(true);
            expect(checkpoints).toBeGreaterThan(0);
          }
        }
        expect(killed).toBeLessThanOrEqual(plan.length);
      }),
    );
  });
});

describe('the comparison', () => {
  let folder = '';
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const DAY = 86_400_000;
  const row = (origin: string, day: number): FlightsRow => ({
    origin,
    day,
    flights: 2,
    delaySum: 7,
    delayCount: 2,
    worst: 5,
  });
  const line = (origin: string, day: number, flights = 2) =>
    JSON.stringify({
      key: origin,
      windowStart: day * DAY,
      windowEnd: (day + 1) * DAY,
      flights,
      delay: 3.5,
      worst: 5,
    });

  async function compare(files: Readonly<Record<string, readonly string[]>>, rows: FlightsRow[]) {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-compare-'));
    for (const [name, lines] of Object.entries(files)) {
      await writeFile(join(folder, name), `${lines.join('\n')}\n`);
    }
    const expected = new Map(rows.map((each) => [rowKey(each.origin, each.day * DAY), each]));
    return await comparePublished(folder, expected);
  }

  test('equal', async () => {
    const files = { 'part-1': [line('JFK', 1)], 'part-2': [line('SFO', 1), line('JFK', 2)] };
    const rows = [row('JFK', 1), row('SFO', 1), row('JFK', 2)];
    expect(await compare(files, rows)).toEqual({
      rows: 3,
      lost: 0,
      duplicated: 0,
      wrong: 0,
      examples: [],
    });
  });

  test('counts what is lost, duplicated and wrong, and shows examples; hidden files do not count', async () => {
    const files = {
      'part-1': [line('JFK', 1), line('JFK', 1), line('SFO', 1, 3), line('XXX', 9)],
      '.part-2': [line('JFK', 2)],
    };
    const result = await compare(files, [row('JFK', 1), row('SFO', 1), row('JFK', 2)]);
    expect(result).toMatchObject({ rows: 4, lost: 1, duplicated: 1, wrong: 2 });
    expect(result.examples).toHaveLength(4);
  });
});

test('the median', () => {
  expect([[], [3], [3, 1], [9, 1, 5], [4, 1, 3, 2]].map(median)).toEqual([0, 3, 1, 5, 2]);
});
