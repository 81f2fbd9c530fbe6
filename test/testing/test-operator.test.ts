/** Operators driven by hand: the real ones, and the same answers as in a job. */

import { expect, test, vi } from 'vitest';
import { count, type DataStream, map, type Output, tumbling, value } from '../../src/index.js';
import { testOperator } from '../../src/testing/index.js';

interface Visit {
  user: string;
  page: string;
}

const silence = (visits: DataStream<Visit>) =>
  visits
    .keyBy(({ user }) => user)
    .process({
      state: { last: value<string>(), pages: map<number, string>() },
      onElement(visit, ctx) {
        ctx.state.last.set(visit.page);
        ctx.state.pages.set(ctx.timestamp, visit.page);
        ctx.timers.eventTime(ctx.timestamp + 100);
        ctx.timers.processingTime(ctx.now + 1_000);
      },
      onTimer(time, ctx, out: Output<string>) {
        out.emit(`${ctx.key} ${ctx.timerKind} ${time} ${ctx.state.last.get()}`);
      },
    });

test('an operator with timers of both kinds, fed by hand', async () => {
  const operator = await testOperator(silence, { startMs: 5_000 });
  operator.element({ user: 'ann', page: '/a' }, 10);
  operator.element({ user: 'bob', page: '/b' }, 20);
  expect(operator.output()).toEqual([]);
  expect(operator.state('ann')).toEqual({ last: '/a', pages: new Map([[10, '/a']]) });
  expect(operator.state('eve')).toBeUndefined();
  expect(operator.timers()).toEqual([
    { key: 'ann', time: 110, kind: 'eventTime' },
    { key: 'bob', time: 120, kind: 'eventTime' },
    { key: 'ann', time: 6_000, kind: 'processingTime' },
    { key: 'bob', time: 6_000, kind: 'processingTime' },
  ]);
  operator.watermark(109);
  expect(operator.take()).toEqual([]);
  operator.watermark(110);
  operator.watermark(50);
  expect(operator.take()).toEqual(['ann eventTime 110 /a']);
  operator.clock.advance(999);
  expect(operator.take()).toEqual([]);
  operator.clock.advance(1);
  expect(operator.take()).toEqual(['ann processingTime 6000 /a', 'bob processingTime 6000 /b']);
  expect(operator.emitted().map(({ timestamp }) => timestamp)).toEqual([110, undefined, undefined]);
  const snapshot = await operator.snapshot();
  await operator.end();
  expect(operator.take()).toEqual(['bob eventTime 120 /b']);
  const again = await testOperator(silence, { restore: snapshot, parallelism: 3 });
  expect(again.clock.now).toBe(6_000);
  await again.end();
  expect(again.take()).toEqual(['bob eventTime 120 /b']);
});

test('late records are counted, or in the side output, by its tag', async () => {
  const operator = await testOperator((visits: DataStream<Visit>) =>
    visits
      .keyBy(({ user }) => user)
      .window(tumbling(100))
      .sideOutputLate('late')
      .aggregate({ n: count() }),
  );
  operator.element({ user: 'ann', page: '/a' }, 10);
  operator.watermark(99);
  expect(operator.take()).toEqual([{ key: 'ann', windowStart: 0, windowEnd: 100, n: 1 }]);
  operator.element({ user: 'ann', page: '/b' }, 10);
  expect(operator.take('late')).toEqual([{ user: 'ann', page: '/b' }]);
  expect(operator.output()).toHaveLength(1);
});

test('two inputs: time is that of the one further behind', async () => {
  const operator = await testOperator((left: DataStream<Visit>, right: DataStream<number>) =>
    left.connect(right).process<string>({
      onLeft: ({ page }, ctx, out) => out.emit(`${page} at ${ctx.watermark}`),
      onRight: (n, ctx, out) => out.emit(`${n} at ${ctx.watermark}`),
    }),
  );
  operator.left.watermark(70);
  operator.left.element({ user: 'ann', page: '/a' }, 80);
  operator.right.watermark(50);
  operator.right.element(1, 60);
  operator.left.end();
  operator.right.watermark(90);
  operator.right.element(2, 95);
  expect(operator.output()).toEqual(['/a at -Infinity', '1 at 50', '2 at 90']);
  expect(() => operator.left.element({ user: 'ann', page: '/b' })).toThrow(
    expect.objectContaining({ code: 'ERR_HOLDFAST_NOT_RUNNING' }),
  );
});

test('what the test does with its own record afterwards changes nothing, and the other way round', async () => {
  const operator = await testOperator((visits: DataStream<{ n: number }>) =>
    visits
      .map((visit) => {
        visit.n += 1;
        return visit;
      })
      .keyBy(() => 'all')
      .reduce((a, b) => ({ n: a.n + b.n })),
  );
  const visit = { n: 1 };
  operator.element(visit);
  expect(visit).toEqual({ n: 1 });
  visit.n = 100;
  operator.element({ n: 2 });
  expect(operator.output()).toEqual([{ n: 2 }, { n: 5 }]);
});

test('a timer of the clock that another one has brought about fires at its own time', async () => {
  const chained = (stream: DataStream<string>) => {
    const relay = (delayMs: number) => ({
      onElement: (
        _: string,
        ctx: { now: number; timers: { processingTime(ms: number): void } },
      ): void => ctx.timers.processingTime(ctx.now + delayMs),
      onTimer: (time: number, ctx: { now: number }, out: Output<string>): void =>
        out.emit(`${time} ${ctx.now}`),
    });
    return stream
      .keyBy((k) => k)
      .process<Record<never, never>, string>(relay(10))
      .keyBy(() => 'k')
      .process<Record<never, never>, string>(relay(5));
  };
  const operator = await testOperator(chained);
  operator.element('a');
  operator.clock.advance(1_000);
  expect(operator.output()).toEqual(['15 15']);
  expect(operator.clock.now).toBe(1_000);
});

test('what a callback throws is told as the job would tell it, by every call from then on', async () => {
  const operator = await testOperator((stream: DataStream<number>) =>
    stream
      .map((n) => {
        if (n === 2) throw new RangeError('no twos');
        return n;
      })
      .name('picky'),
  );
  operator.element(1);
  const told = expect.objectContaining({
    code: 'ERR_HOLDFAST_USER_CODE',
    message: expect.stringMatching(/operator 'picky', instance 0, at element 2 .*no twos/),
    cause: expect.objectContaining({ name: 'RangeError', message: 'no twos' }),
  });
  expect(() => operator.element(2)).toThrow(told);
  expect(() => operator.element(3)).toThrow(told);
  expect(() => operator.output()).toThrow(told);
  await expect(operator.snapshot()).rejects.toEqual(told);
  await expect(operator.end()).rejects.toEqual(told);
});

test('all that follows has happened when a call returns, on a machine that is slow as well', async () => {
  const operator = await testOperator((visits: DataStream<Visit>) =>
    visits
      .keyBy(({ user }) => user)
      .window(tumbling(10))
      .aggregate({ visits: count() }),
  );
  operator.element({ user: 'ann', page: '/a' }, 5);
  let now = performance.now();
  const slow = vi.spyOn(performance, 'now').mockImplementation(() => {
    now += 5;
    return now;
  });
  try {
    operator.watermark(20);
    expect(operator.take()).toMatchObject([{ key: 'ann', visits: 1 }]);
  } finally {
    slow.mockRestore();
  }
});

test('what is wrong is refused, and says what there is', async () => {
  const bad = { code: 'ERR_HOLDFAST_BAD_OPTION' };
  await expect(testOperator(() => 5 as never)).rejects.toMatchObject(bad);
  await expect(
    testOperator((s: DataStream<1>) => s, { startMs: 'x' as never }),
  ).rejects.toMatchObject(bad);
  await expect(
    testOperator((s: DataStream<1>) => s, { restore: {} as never }),
  ).rejects.toMatchObject(bad);
  const operator = await testOperator(silence);
  expect(() => operator.watermark(Number.POSITIVE_INFINITY)).toThrow(/end\(\)/);
  expect(() => operator.clock.advance(-1)).toThrow(expect.objectContaining(bad));
  expect(() => operator.output('nope')).toThrow(/there are 'main output'/);
  expect(() => operator.state('ann', 'nope')).toThrow(/there are .*'input\/process'/);
  const stateless = await testOperator((s: DataStream<number>) => s.keyBy((n) => n).count());
  expect(() => stateless.state(1, 'count')).toThrow(/does not show what it keeps/);
});

test('what was closed says so, whatever is asked of it, and nothing waits for ever', async () => {
  const operator = await testOperator(silence);
  operator.element({ user: 'ann', page: '/a' }, 10);
  await operator.close();
  const closed = { code: 'ERR_HOLDFAST_NOT_RUNNING', message: expect.stringContaining('closed') };
  await expect(operator.end()).rejects.toMatchObject(closed);
  await expect(operator.snapshot()).rejects.toMatchObject(closed);
  expect(() => operator.element({ user: 'ann', page: '/b' }, 11)).toThrow(
    expect.objectContaining(closed),
  );
  expect(() => operator.clock.advance(1)).toThrow(expect.objectContaining(closed));
  const waiting = await testOperator((stream: DataStream<number>) =>
    stream.mapAsync(() => new Promise<number>(() => {})),
  );
  waiting.element(1);
  const ended = waiting.end();
  await waiting.close();
  await expect(ended).rejects.toMatchObject(closed);
});

test.each(['10', new Date(10), null, 10n])(
  'a time that is no number (%s) is refused',
  async (time) => {
    const operator = await testOperator(silence);
    expect(() => operator.element({ user: 'ann', page: '/a' }, time as never)).toThrow(
      expect.objectContaining({ code: 'ERR_HOLDFAST_BAD_OPTION' }),
    );
  },
);

test('what is no event time, and what is no stream', async () => {
  const operator = await testOperator(silence);
  for (const time of [Number.NaN, '5' as never]) {
    expect(() => operator.element({ user: 'ann', page: '/a' }, time)).toThrow(
      expect.objectContaining({ code: 'ERR_HOLDFAST_BAD_OPTION' }),
    );
  }
  const rows = (numbers: DataStream<number>) =>
    numbers.keyBy(String).aggregate({ n: count() }).toChangelog() as never;
  await expect(testOperator(rows)).rejects.toThrow(/give its \.asRecords\(\)/);
});

test('state of a key that equals nothing by ===', async () => {
  const operator = await testOperator((stream: DataStream<number>) =>
    stream
      .keyBy((n) => n)
      .process({
        state: { seen: value<number>() },
        onElement: (n, { state }) => state.seen.set(n),
      }),
  );
  operator.element(Number.NaN, 0);
  expect(operator.state(Number.NaN)).toEqual({ seen: Number.NaN });
});

test.each([
  [1, 1],
  [1, 3],
  [16, 2],
])(
  'input goes on behind calls that were in flight (capacity %i, parallelism %i)',
  async (capacity, parallelism) => {
    let answer: () => void = () => {};
    let answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const build = (ids: DataStream<number>) =>
      ids
        .mapAsync(
          async (id) => {
            await answered;
            return id;
          },
          { capacity },
        )
        .uid('calls');
    const first = await testOperator(build);
    first.element(1);
    const one = await first.snapshot();
    await first.close();
    const second = await testOperator(build, { restore: one, parallelism });
    second.element(2); // whether it can be taken at once or not
    second.element(3);
    const taking = second.snapshot();
    answer();
    const three = await taking;
    const before = second.output();
    answered = Promise.resolve();
    const third = await testOperator(build, { restore: three });
    third.element(4);
    await Promise.all([second.end(), third.end()]);
    expect(second.output().toSorted()).toEqual([1, 2, 3]);
    expect(new Set([...before, ...third.output()])).toEqual(new Set([1, 2, 3, 4]));
    expect(new Set(third.output()).size).toBe(third.output().length);
  },
);

test('state of operators that show none is refused, and says so', async () => {
  const operator = await testOperator((ids: DataStream<number>) => ids.map((id) => id));
  expect(() => operator.state(1)).toThrow('the job has no operator with named states.');
  expect(() => operator.timers()).toThrow('the job has no operator with named states.');
});
