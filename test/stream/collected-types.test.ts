/** What the compiler knows of rows that a job collects, and of jobs however they run. Checked by tsc. */

import { describe, expectTypeOf, it } from 'vitest';
import { fromCollection } from '../../src/connectors/index.js';
import type { GuardedJob } from '../../src/guardian/guarded-job.js';
import type { runGuarded } from '../../src/guardian/guardian.js';
import { discard } from '../../src/index.js';
import type { Job, JobHandle, JobResult } from '../../src/job/job-types.js';
import type { run } from '../../src/job/run.js';
import type { runInline, startInline } from '../../src/job/run-inline.js';
import { count } from '../../src/stream/api/aggregations.js';
import { defineJob, type RowsOf } from '../../src/stream/api/job-definition.js';

interface Order {
  readonly shop: string;
  readonly cents: number;
}

const one = defineJob('one', (env) =>
  env
    .from(fromCollection<Order>([]))
    .keyBy(({ shop }) => shop)
    .aggregate({ n: count() })
    .collect('counts')
    .uid('counts'),
);
const two = defineJob('two', (env) => {
  const orders = env.from(fromCollection<Order>([]));
  return [
    orders.collect('orders'),
    orders
      .distinctBy(({ shop }) => shop, { keep: 'last' })
      .collectTable('latest', { key: ({ shop }) => shop }),
  ];
});
const beside = defineJob('beside', (env) => {
  const orders = env.from(fromCollection<Order>([]));
  return [orders.print(), orders.collect('orders'), orders.sinkTo(discard())];
});
const written = defineJob('written', (env) => [
  env.from(fromCollection<Order>([])).sinkTo(discard()),
]);
const none = defineJob('none', (env) => {
  env.from(fromCollection<Order>([])).collect('orders');
});

interface Count {
  key: string;
  n: number;
}

describe('rows that a job collects', () => {
  it('have their types where the build function returns the sinks', () => {
    type One = Awaited<ReturnType<typeof run<typeof one>>>;
    expectTypeOf<RowsOf<typeof one>['counts']>().toEqualTypeOf<Count>();
    expectTypeOf<Awaited<One['finished']>['collected']['counts']>().toExtend<readonly Count[]>();
    const collected = (job: One) => job.collected('counts');
    expectTypeOf(collected).returns.toEqualTypeOf<readonly Count[]>();
    const other = (job: One) => job.collected('other');
    expectTypeOf(other).returns.toEqualTypeOf<readonly unknown[]>();
    expectTypeOf<RowsOf<typeof two>>().toExtend<{ orders: Order; latest: Order }>();
    type Two = Awaited<ReturnType<typeof runGuarded<typeof two>>>;
    expectTypeOf<Awaited<Two['finished']>['collected']['latest'][number]>().toExtend<Order>();
  });

  it('have them beside sinks that collect nothing', () => {
    expectTypeOf<RowsOf<typeof beside>['orders']>().toEqualTypeOf<Order>();
  });

  it('are unknown where it returns nothing, and for names that nobody knows', () => {
    expectTypeOf<RowsOf<typeof none>>().toEqualTypeOf<unknown>();
    expectTypeOf<RowsOf<typeof written>>().toEqualTypeOf<unknown>();
    type None = Awaited<ReturnType<typeof run>>;
    expectTypeOf<Awaited<None['finished']>['collected']['orders']>().toEqualTypeOf<
      readonly unknown[]
    >();
  });

  it('have them in the calling thread without being told', () => {
    const inline = (go: typeof runInline) => go(one);
    type Result = Awaited<ReturnType<typeof inline>>;
    expectTypeOf<Result['collected']['counts'][number]['n']>().toEqualTypeOf<number>();
    const drawn = (go: typeof runInline) =>
      go((env) => env.from(fromCollection<Order>([])).collect('orders'));
    type Drawn = Awaited<ReturnType<typeof drawn>>;
    expectTypeOf<Drawn['collected']['orders'][number]>().toExtend<Order>();
  });
});

describe('jobs', () => {
  it('of all kinds are a JobHandle', () => {
    expectTypeOf<Job>().toExtend<JobHandle>();
    expectTypeOf<GuardedJob>().toExtend<JobHandle>();
    expectTypeOf<Awaited<ReturnType<typeof startInline>>>().toExtend<JobHandle>();
    expectTypeOf<Job<RowsOf<typeof one>>>().toExtend<Job>();
    expectTypeOf<GuardedJob<RowsOf<typeof one>>>().toExtend<JobHandle>();
    expectTypeOf<JobResult<RowsOf<typeof one>>>().toExtend<JobResult>();
  });
});
