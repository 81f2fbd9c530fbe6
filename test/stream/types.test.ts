/** What the compiler knows about a job, from source to sink. Checked by tsc; running it is a formality. */

import { describe, expectTypeOf, it } from 'vitest';
import { z } from 'zod';
import { ndjsonFile } from '../../src/connectors/index.js';
import {
  type Aggregation,
  average,
  count,
  max,
  min,
  sum,
} from '../../src/stream/api/aggregations.js';

import type {
  AggregatedStream,
  DataStream,
  KeyedStream,
  RecordOf,
} from '../../src/stream/api/data-stream.js';

import { defineJob, type JobArguments } from '../../src/stream/api/job-definition.js';
import type { Output } from '../../src/stream/api/output.js';
import type { ElementContext } from '../../src/stream/api/process.js';
import { type NoTags, type SideTags, sideOutput } from '../../src/stream/api/side-outputs.js';
import type { InferOutput, StandardSchema } from '../../src/stream/api/standard-schema.js';
import { aggregating, list, map, reducing, value } from '../../src/stream/api/state-specs.js';
import type { StreamSink } from '../../src/stream/api/stream-sink.js';
import { countEvictor, deltaTrigger, eventTimeTrigger } from '../../src/stream/api/triggers.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import {
  countWindow,
  processingTime,
  session,
  sliding,
  tumbling,
  type WindowBounds,
} from '../../src/stream/api/windows.js';
import type { DeadLetter } from '../../src/stream/dead-letter.js';
import type { RejectedRecord, Source } from '../../src/stream/source.js';
import { draw, type Flight, sink, source } from './graph-kit.js';

/** Type-checks `use`, and never runs it: graphs that are only typed need not be whole. */
function typed(use: (stream: DataStream<Flight>) => unknown): void {
  void use;
}

describe('asynchronous callbacks', () => {
  it('are for mapAsync, which gives what their promise is of, and needs one', () => {
    typed((flights) => {
      const named = flights.mapAsync(async ({ origin }, { signal, attempt, timestamp }) => {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
        expectTypeOf(attempt).toEqualTypeOf<number>();
        expectTypeOf(timestamp).toEqualTypeOf<number | undefined>();
        return { origin };
      });
      expectTypeOf(named).toEqualTypeOf<DataStream<{ origin: string }>>();
      expectTypeOf(flights.keyBy(({ origin }) => origin).mapAsync(async () => 1)).toEqualTypeOf<
        DataStream<number>
      >();
      flights.mapAsync(async () => 1, { capacity: 4, ordered: undefined });
      // @ts-expect-error: no promise
      flights.mapAsync(({ origin }) => origin);
      // @ts-expect-error: no such option
      flights.mapAsync(async () => 1, { timeout: 5 });
      // @ts-expect-error: a promise in place of a record
      flights.map(async ({ origin }) => origin);
    });
  });
});

describe('windows of each key', () => {
  it('have the rows of their kind', () => {
    typed((flights) => {
      const keyed = flights.keyBy((flight) => flight.origin);
      const n = { n: count() };
      const sessions = keyed
        .window(session({ gapMs: 5 }))
        .allowedLateness(5)
        .aggregate(n);
      expectTypeOf<RecordOf<typeof sessions>>().toEqualTypeOf<{
        key: string;
        windowStart: number;
        windowEnd: number;
        replaces?: readonly WindowBounds[];
        n: number;
      }>();
      const counted = keyed.window(countWindow(3)).aggregate(n);
      expectTypeOf<RecordOf<typeof counted>>().toEqualTypeOf<{ key: string; n: number }>();
      const clock = keyed.window(processingTime(tumbling(5))).aggregate(n);
      expectTypeOf<RecordOf<typeof clock>>().toEqualTypeOf<{
        key: string;
        windowStart: number;
        windowEnd: number;
        n: number;
      }>();
      // @ts-expect-error: a session's row has such a field
      keyed.window(session({ gapMs: 5 })).aggregate({ replaces: count() });
      keyed.window(tumbling(5)).aggregate({ replaces: count() });
    });
  });

  it('give `process` records, key and bounds, and take triggers and evictors of these', () => {
    typed((flights) => {
      const windows = flights
        .keyBy((flight) => [flight.origin, flight.distance])
        .window(sliding({ sizeMs: 10, slideMs: 5 }))
        .trigger(eventTimeTrigger({ earlyCount: 2 }))
        .trigger(deltaTrigger<Flight>({ threshold: 1, delta: (a, b) => b.distance - a.distance }))
        .evictor(countEvictor(3))
        .evictor({ keep: (all) => all.filter(({ record }) => record.distance > 1) })
        .sideOutputLate('late');
      const rows = windows.process({
        onWindow(window, records, ctx, out: Output<number>) {
          expectTypeOf(window).toEqualTypeOf<WindowBounds>();
          expectTypeOf(records).toEqualTypeOf<Flight[]>();
          expectTypeOf(ctx.key).toEqualTypeOf<readonly [string, number]>();
          out.emit(records.length);
        },
      });
      expectTypeOf<RecordOf<typeof rows>>().toEqualTypeOf<number>();
      expectTypeOf(rows.sideOutput('late')).toEqualTypeOf<DataStream<Flight>>();
      // @ts-expect-error: the trigger is of other records
      windows.trigger(deltaTrigger<string>({ threshold: 1, delta: () => 1 }));
      windows.process({
        // @ts-expect-error: it is asynchronous
        async onWindow() {},
      });
    });
  });
});

describe('the arguments of a job', () => {
  it('are what its schema gives, and unknown without one', () => {
    const args = z.object({ limit: z.coerce.number(), unit: z.enum(['km', 'mi']).default('km') });
    interface Checked {
      limit: number;
      unit: 'km' | 'mi';
    }
    expectTypeOf<InferOutput<typeof args>>().toEqualTypeOf<Checked>();
    defineJob({
      name: 'x',
      args,
      build(env, checked) {
        expectTypeOf(checked).toEqualTypeOf<Checked>();
        // @ts-expect-error: the schema has no such argument
        void checked.limits;
        env.from(source()).print();
      },
    });
    const own: StandardSchema<string, readonly Date[]> = {
      '~standard': { version: 1, vendor: 'own', validate: () => ({ value: [] }) },
    };
    defineJob({
      name: 'x',
      args: own,
      build: (_env, days) => expectTypeOf(days).toEqualTypeOf<readonly Date[]>(),
    });
    defineJob('x', (_env, raw) => expectTypeOf(raw).toEqualTypeOf<JobArguments>());
  });

  it('are not checked by what is no schema, nor for an asynchronous build function', () => {
    const wrong = () => {
      // @ts-expect-error: a type of arguments is no schema of them
      defineJob({ name: 'x', args: { limit: Number }, build: () => {} });
      // @ts-expect-error: no schema
      defineJob({ name: 'x', build: () => {} });
      // @ts-expect-error: a graph is drawn synchronously
      defineJob({ name: 'x', args: z.object({}), build: async () => {} });
    };
    void wrong;
  });
});

describe('types flow from source to sink', () => {
  it('a policy for errors changes nothing in a stream', () => {
    typed((flights) => {
      const lengths = flights.map((flight) => flight.origin.length).onError({ sideOutput: 'dead' });
      expectTypeOf(lengths.sideOutput('dead')).toEqualTypeOf<DataStream<DeadLetter<unknown>>>();
      // @ts-expect-error: no such side output
      lengths.sideOutput('deed');
      const dead = lengths.sideOutput<DeadLetter<Flight>>('dead').map(({ record }) => record);
      expectTypeOf(dead).toEqualTypeOf<DataStream<Flight | undefined>>();
      const keyed = flights.keyBy((flight) => flight.origin).onError('drop');
      expectTypeOf(keyed).toEqualTypeOf<KeyedStream<Flight, string>>();
      // @ts-expect-error: no such policy
      flights.map((flight) => flight).onError('skip');
      return dead;
    });
  });

  it('infers records through operators', () => {
    draw((env) => {
      const flights = env.from(source<Flight>());
      expectTypeOf(flights).toEqualTypeOf<DataStream<Flight>>();
      const lengths = flights.map((flight) => flight.origin.length);
      expectTypeOf(lengths).toEqualTypeOf<DataStream<number>>();
      const words = flights.flatMap((flight) => [flight.origin, flight.destination]);
      expectTypeOf(words).toEqualTypeOf<DataStream<string>>();
      const generated = flights.flatMap(function* (flight) {
        yield flight.distance;
      });
      expectTypeOf(generated).toEqualTypeOf<DataStream<number>>();
      const both = lengths.union(words, generated);
      expectTypeOf(both).toEqualTypeOf<DataStream<number | string>>();
      expectTypeOf(both.sinkTo(sink<unknown>())).toEqualTypeOf<StreamSink<never>>();
    });
  });

  it('narrows by type guards, inferred ones too', () => {
    typed((flights) => {
      const delays = flights.map((flight) => flight.delay);
      expectTypeOf(delays).toEqualTypeOf<DataStream<number | null>>();
      expectTypeOf(delays.filter((delay) => delay !== null)).toEqualTypeOf<DataStream<number>>();
      expectTypeOf(delays.filter((delay): delay is null => delay === null)).toEqualTypeOf<
        DataStream<null>
      >();
      expectTypeOf(flights.filter((flight) => flight.distance > 9)).toEqualTypeOf<
        DataStream<Flight>
      >();
    });
  });

  it('gives process its key and states, and takes what it emits', () => {
    typed((flights) => {
      const keyed = flights.keyBy(({ origin, distance }) => [origin, distance]);
      const same = keyed.process({
        onElement(flight, ctx, out) {
          expectTypeOf(flight).toEqualTypeOf<Flight>();
          expectTypeOf(ctx.key).toEqualTypeOf<readonly [string, number]>();
          expectTypeOf(ctx.timestamp).toEqualTypeOf<number>();
          // @ts-expect-error: there is no such state
          ctx.state.last;
          // @ts-expect-error: it emits flights
          out.emit(5);
          out.emit(flight);
        },
      });
      expectTypeOf(same).toEqualTypeOf<DataStream<Flight>>();
      const other = keyed.process({
        state: {
          last: value<number>(),
          recent: list<Flight>(),
          seen: map<string, boolean>(),
          made: value({ version: 2, migrate: (old: number) => String(old) }),
          flight: value<Readonly<Flight>>(),
          least: reducing((a: number, b: number) => Math.min(a, b)),
          mean: aggregating(average((one: Flight) => one.distance)),
        },
        onElement(flight, { state }, out: Output<string>) {
          expectTypeOf(state.last.get()).toEqualTypeOf<number | undefined>();
          expectTypeOf(state.recent.values()).toEqualTypeOf<Flight[]>();
          expectTypeOf(state.seen.get('a')).toEqualTypeOf<boolean | undefined>();
          expectTypeOf([...state.seen.entries()]).toEqualTypeOf<[string, boolean][]>();
          expectTypeOf(state.made.get()).toEqualTypeOf<string | undefined>();
          expectTypeOf(state.least.get()).toEqualTypeOf<number | undefined>();
          expectTypeOf(state.mean.get()).toEqualTypeOf<number>();
          state.mean.add(flight);
          // @ts-expect-error: it takes flights
          state.mean.add(flight.distance);
          state.last.update((last) => Math.max(last ?? 0, flight.distance));
          // @ts-expect-error: a number is returned, since it cannot be changed
          state.last.update(() => {});
          state.flight.update((draft) => {
            if (draft === undefined) return flight;
            draft.distance += 1;
          });
          // @ts-expect-error: a flight, or nothing
          state.flight.update((draft) => draft?.distance);
          // @ts-expect-error: a number
          state.last.set('5');
          // @ts-expect-error: flights
          state.recent.add(flight.origin);
          // @ts-expect-error: keys are texts
          state.seen.set(5, true);
          out.emit(flight.origin);
        },
        onTimer(time, ctx, out) {
          expectTypeOf(time).toEqualTypeOf<number>();
          expectTypeOf(ctx.state.last.get()).toEqualTypeOf<number | undefined>();
          expectTypeOf(ctx.key).toEqualTypeOf<readonly [string, number]>();
          // @ts-expect-error: it emits texts
          out.emit(5);
        },
      });
      expectTypeOf(other).toEqualTypeOf<DataStream<string>>();
      // @ts-expect-error: an object is no key of a map
      map<object, number>();
      // @ts-expect-error: no state
      keyed.process({ state: { last: 5 }, onElement() {} });
      // @ts-expect-error: onElement is missing
      keyed.process({ onTimer() {} });
      // @ts-expect-error: promises
      keyed.process({ async onElement() {} });
      // @ts-expect-error: promises
      keyed.process({ onElement() {}, async onTimer() {} });
      keyed.process({
        state: { seen: map<string, number>() },
        onElement: (flight, { state }) => state.seen.delete(flight.origin),
        onTimer: () => new Map(),
      });
    });
  });

  it('keeps keys, tuples as tuples', () => {
    typed((flights) => {
      const byOrigin = flights.keyBy((flight) => flight.origin);
      expectTypeOf(byOrigin).toEqualTypeOf<KeyedStream<Flight, string>>();
      const byRoute = flights.keyBy((flight) => [flight.origin, flight.destination]);
      expectTypeOf(byRoute).toEqualTypeOf<KeyedStream<Flight, readonly [string, string]>>();
      expectTypeOf(flights.keyBy((flight) => flight.date)).toEqualTypeOf<
        KeyedStream<Flight, Date>
      >();
    });
  });

  it('keeps a stream what it was when it is labelled', () => {
    typed((flights) => {
      const keyed = flights.keyBy((flight) => flight.origin);
      expectTypeOf(keyed.name('n').uid('u').parallelism(1)).toEqualTypeOf<
        KeyedStream<Flight, string>
      >();
      expectTypeOf(flights.name('n').uid('u').parallelism(1)).toEqualTypeOf<DataStream<Flight>>();
      expectTypeOf(flights.print().name('n').uid('u').parallelism(1)).toEqualTypeOf<
        StreamSink<never>
      >();
    });
  });

  it('knows which of two connected streams a record is of', () => {
    typed((flights) => {
      const delays = flights.map((flight) => flight.delay);
      const rows = flights.connect(delays).process({
        onLeft(flight, ctx, out: Output<string>) {
          expectTypeOf(flight).toEqualTypeOf<Flight>();
          expectTypeOf(ctx).toEqualTypeOf<ElementContext<SideTags<NoTags>>>();
          out.emit(flight.origin);
          // @ts-expect-error: of another type
          out.emit(1);
        },
        onRight(delay, ctx) {
          expectTypeOf(delay).toEqualTypeOf<number | null>();
          expectTypeOf(ctx.timestamp).toEqualTypeOf<number>();
          // @ts-expect-error: these streams have no keys
          void ctx.key;
        },
      });
      expectTypeOf(rows).toEqualTypeOf<DataStream<string>>();
      const named = flights.connect(delays).process<number>({
        onLeft: (flight, _ctx, out) => out.emit(flight.distance),
        onRight: (delay, _ctx, out) => out.emit(delay ?? 0),
      });
      expectTypeOf(named).toEqualTypeOf<DataStream<number>>();
      // What is emitted is of the two streams, unless it is said otherwise.
      const both = flights.connect(delays).process({
        onLeft: (flight, _ctx, out) => out.emit(flight),
        onRight: (delay, _ctx, out) => out.emit(delay),
      });
      expectTypeOf(both).toEqualTypeOf<DataStream<Flight | number | null>>();
      // @ts-expect-error: a callback is missing
      flights.connect(delays).process({ onLeft: () => {} });
      // @ts-expect-error: promises
      flights.connect(delays).process({ async onLeft() {}, onRight() {} });
      // @ts-expect-error: timers are of a key
      flights.connect(delays).process({ onLeft() {}, onRight() {}, onTimer() {} });
    });
  });

  it('connects keyed streams by keys of one type', () => {
    typed((flights) => {
      const byOrigin = flights.keyBy((flight) => flight.origin);
      const airports = flights.map(({ destination }) => ({ code: destination }));
      const rows = byOrigin.connect(airports.keyBy(({ code }) => code)).process({
        onLeft(flight, ctx, out: Output<readonly [string, number]>) {
          expectTypeOf(ctx.key).toEqualTypeOf<string>();
          out.emit([ctx.key, flight.distance]);
        },
        onRight(airport, ctx) {
          expectTypeOf(airport).toEqualTypeOf<{ code: string }>();
          expectTypeOf(ctx.key).toEqualTypeOf<string>();
        },
      });
      expectTypeOf(rows).toEqualTypeOf<DataStream<readonly [string, number]>>();
      // @ts-expect-error: keys of another type
      byOrigin.connect(flights.keyBy((flight) => flight.distance));
      // @ts-expect-error: no keys
      byOrigin.connect(airports);
    });
  });

  it('shares state between the callbacks of keyed streams, and keeps broadcast state from the left one', () => {
    typed((flights) => {
      const byOrigin = flights.keyBy((flight) => flight.origin);
      const limits = flights.map(({ origin, distance }) => ({ origin, distance }));
      const state = { seen: map<string, number>(), last: value<Flight>() };
      const both = byOrigin.connect(limits.keyBy(({ origin }) => origin)).process({
        state,
        sideOutputs: { far: sideOutput<Flight>() },
        onLeft(flight, ctx, out: Output<number>) {
          expectTypeOf(ctx.state.seen.get('a')).toEqualTypeOf<number | undefined>();
          ctx.timers.eventTime(ctx.timestamp);
          ctx.sideOutput('far', flight);
          // @ts-expect-error: a flight
          ctx.sideOutput('far', 1);
          // @ts-expect-error: not declared
          ctx.sideOutput('near', flight);
          out.emit(1);
        },
        onRight(limit, ctx) {
          ctx.state.seen.set(limit.origin, limit.distance);
        },
        onTimer(time, ctx, out) {
          expectTypeOf(ctx.state.last.get()).toEqualTypeOf<Flight | undefined>();
          out.emit(time);
        },
      });
      expectTypeOf(both.map((n) => n)).toEqualTypeOf<DataStream<number>>();
      expectTypeOf(both.sideOutput('far')).toEqualTypeOf<DataStream<Flight>>();
      // @ts-expect-error: not declared
      both.sideOutput('near');
      const ruled = byOrigin.connect(limits.broadcast(state)).process({
        state: { own: value<number>() },
        onLeft(flight, ctx, out: Output<string>) {
          expectTypeOf(ctx.broadcast.seen.get('a')).toEqualTypeOf<number | undefined>();
          // @ts-expect-error: the left stream reads it
          ctx.broadcast.seen.set('a', 1);
          ctx.state.own.set(flight.distance);
          out.emit(ctx.key);
        },
        onRight(limit, ctx) {
          expectTypeOf(limit).toEqualTypeOf<{ origin: string; distance: number }>();
          ctx.broadcast.seen.set(limit.origin, limit.distance);
          // @ts-expect-error: it is of no key
          void ctx.state;
        },
      });
      expectTypeOf(ruled).toEqualTypeOf<DataStream<string, SideTags<NoTags>>>();
      const plain = flights.connect(limits.broadcast(state)).process({
        onLeft: (flight, ctx, out) => {
          if (ctx.broadcast.seen.has(flight.origin)) out.emit(flight);
        },
        onRight: (limit, ctx) => ctx.broadcast.seen.delete(limit.origin),
        // @ts-expect-error: timers are of a key
        onTimer() {},
      });
      expectTypeOf(plain.map((one) => one)).toEqualTypeOf<DataStream<Flight>>();
      const lengths = flights.process({
        sideOutputs: { cities: sideOutput<string>() },
        onElement(flight, ctx, out: Output<number>) {
          // @ts-expect-error: the stream has no keys
          void ctx.key;
          ctx.sideOutput('cities', flight.origin);
          out.emit(flight.distance);
        },
      });
      expectTypeOf(lengths.sideOutput('cities')).toEqualTypeOf<DataStream<string>>();
    });
  });

  it('joins rows, with null for a partner where the kind says so', () => {
    typed((flights) => {
      const byOrigin = flights.keyBy((flight) => flight.origin);
      const airports = flights.map(({ destination }) => ({ code: destination }));
      const byCode = airports.keyBy(({ code }) => code);
      interface Airport {
        code: string;
      }
      const bounds = { lowerMs: 0, upperMs: 5 };
      const inner = byOrigin.intervalJoin(byCode, {
        ...bounds,
        select(flight, airport, key) {
          expectTypeOf(flight).toEqualTypeOf<Flight>();
          expectTypeOf(airport).toEqualTypeOf<Airport>();
          expectTypeOf(key).toEqualTypeOf<string>();
          return flight.distance;
        },
      });
      expectTypeOf(inner.map((n) => n)).toEqualTypeOf<DataStream<number>>();
      const left = byOrigin.join(byCode, {
        window: tumbling(5),
        kind: 'left',
        select(flight, airport) {
          expectTypeOf(flight).toEqualTypeOf<Flight>();
          expectTypeOf(airport).toEqualTypeOf<Airport | null>();
          return [flight.origin, airport?.code] as const;
        },
        sideOutputLate: { right: 'lateAirports' },
      });
      expectTypeOf(left.sideOutput('lateAirports')).toEqualTypeOf<DataStream<Airport>>();
      // @ts-expect-error: not asked for
      left.sideOutput('lateFlights');
      byOrigin.intervalJoin(byCode, {
        ...bounds,
        kind: 'full',
        select(flight, airport) {
          expectTypeOf(flight).toEqualTypeOf<Flight | null>();
          expectTypeOf(airport).toEqualTypeOf<Airport | null>();
          return 0;
        },
      });
      const all = byOrigin.join(byCode, { select: (flight, { code }) => ({ ...flight, code }) });
      expectTypeOf(all).toEqualTypeOf<
        DataStream<{
          code: string;
          date: Date;
          delay: number | null;
          distance: number;
          origin: string;
          destination: string;
        }>
      >();
      byOrigin.coGroup(byCode, {
        window: tumbling(5),
        select(all, found, key, window) {
          expectTypeOf(all).toEqualTypeOf<Flight[]>();
          expectTypeOf(found).toEqualTypeOf<Airport[]>();
          expectTypeOf(key).toEqualTypeOf<string>();
          expectTypeOf(window.windowEnd).toEqualTypeOf<number>();
          return 1;
        },
      });
      byOrigin.joinLatest(byCode, {
        kind: 'left',
        select(flight, airport) {
          expectTypeOf(flight).toEqualTypeOf<Flight>();
          expectTypeOf(airport).toEqualTypeOf<Airport | null>();
          return 1;
        },
      });
      const named = flights.lookup(source<Airport>('airports'), {
        key: (flight) => flight.origin,
        tableKey: ({ code }) => code,
        kind: 'left',
        select: (flight, airport) => airport?.code ?? flight.distance,
      });
      expectTypeOf(named).toEqualTypeOf<DataStream<string | number>>();
      flights.lookup(source<Airport>('airports'), {
        key: (flight) => flight.origin,
        // @ts-expect-error: keys of another type
        tableKey: ({ code }) => code.length,
        select: () => 1,
      });
      // @ts-expect-error: versions have no rows of their own
      byOrigin.joinLatest(byCode, { kind: 'full', select: () => 1 });
      // @ts-expect-error: a promise
      byOrigin.join(byCode, { select: async () => 1 });
      const byLength = airports.keyBy(({ code }) => code.length);
      // @ts-expect-error: keys of another type
      byOrigin.join(byLength, { select: () => 1 });
      // @ts-expect-error: no keys
      byOrigin.intervalJoin(airports, { ...bounds, select: () => 1 });
    });
  });

  it('gives keyed folds their values', () => {
    typed((flights) => {
      const keyed = flights.keyBy((flight) => flight.origin);
      expectTypeOf(keyed.count()).toEqualTypeOf<DataStream<number>>();
      expectTypeOf(keyed.sum((flight) => flight.distance)).toEqualTypeOf<DataStream<number>>();
      expectTypeOf(keyed.sum((flight) => flight.delay)).toEqualTypeOf<DataStream<number | null>>();
      expectTypeOf(keyed.min((flight) => flight.distance)).toEqualTypeOf<DataStream<number>>();
      expectTypeOf(keyed.max((flight) => flight.delay)).toEqualTypeOf<DataStream<number | null>>();
      expectTypeOf(keyed.reduce((_, flight) => flight)).toEqualTypeOf<DataStream<Flight>>();
    });
  });

  it('gives aggregates their rows', () => {
    typed((flights) => {
      const keyed = flights.keyBy((flight) => [flight.origin, flight.destination]);
      const rows = keyed.aggregate({
        flights: count(),
        miles: sum((flight) => flight.distance),
        least: min((flight) => flight.delay),
      });
      expectTypeOf(rows).toEqualTypeOf<
        AggregatedStream<{
          key: readonly [string, string];
          flights: number;
          miles: number;
          least: number | null;
        }>
      >();
      const windows = keyed
        .window(tumbling(1_000))
        .allowedLateness(10)
        .sideOutputLate('late')
        .aggregate({ delay: average((flight) => flight.delay), worst: max((f) => f.delay) });
      expectTypeOf(windows).toEqualTypeOf<
        AggregatedStream<
          {
            key: readonly [string, string];
            windowStart: number;
            windowEnd: number;
            delay: number | null;
            worst: number | null;
          },
          { readonly late: Flight }
        >
      >();
      expectTypeOf(windows.sideOutput('late')).toEqualTypeOf<DataStream<Flight>>();
      expectTypeOf(windows.sideOutput<Flight>('late')).toEqualTypeOf<DataStream<Flight>>();
      expectTypeOf(windows.name('n').uid('u').sideOutput('late')).toEqualTypeOf<
        DataStream<Flight>
      >();
      // Whoever takes such a stream need not know what is put aside.
      expectTypeOf(windows).toExtend<DataStream<{ readonly worst: number | null }>>();
      expectTypeOf<RecordOf<typeof windows>['windowStart']>().toEqualTypeOf<number>();
      const both = windows.union(windows.map((row) => row.delay));
      expectTypeOf(both).toExtend<DataStream<unknown>>();
      expectTypeOf(keyed.window(tumbling(1_000)).reduce((_, flight) => flight)).toEqualTypeOf<
        DataStream<Flight>
      >();
    });
  });

  it('infers aggregations of one’s own', () => {
    typed((flights) => {
      const rows = flights
        .keyBy((flight) => flight.origin)
        .aggregate({
          destinations: aggregation({
            initial: () => new Set<string>(),
            add: (seen, flight: Flight) => {
              seen.add(flight.destination);
            },
            result: (seen) => seen.size,
          }),
          last: aggregation({
            initial: () => '',
            add: (_, flight: Flight) => flight.destination,
          }),
        });
      expectTypeOf(rows).toEqualTypeOf<
        AggregatedStream<{ key: string; destinations: number; last: string }>
      >();
      expectTypeOf(count()).toExtend<Aggregation<Flight, number>>();
    });
  });

  it('asks an aggregation of one’s own to return what cannot be changed in place', () => {
    typed(() => {
      const add = (sum: number, flight: Flight) => {
        sum += flight.distance;
      };
      // @ts-expect-error a number that is changed in place is not the state
      aggregation({ initial: () => 0, add });
      const retract = (sum: number, flight: Flight): number => sum - flight.distance;
      // @ts-expect-error the same
      aggregation({ initial: () => 0, add: retract, retract: add });
      aggregation({ initial: () => 0, add: retract, retract, merge: (a: number, b) => a + b });
    });
  });

  it('takes side outputs of malformed input', () => {
    draw((env) => {
      const flights = env.from(ndjsonFile<Flight>('in', { malformed: 'bad' }));
      const rejected = flights.sideOutput('bad');
      expectTypeOf(rejected).toEqualTypeOf<DataStream<RejectedRecord>>();
      expectTypeOf(flights.sideOutput<RejectedRecord>('bad')).toEqualTypeOf<typeof rejected>();
      const own: Source<Flight> = source<Flight>('own');
      const others = env.from(own);
      expectTypeOf(others).toEqualTypeOf<DataStream<Flight>>();
      flights.union(others).print();
      rejected.print();
    });
  });
});

describe('types refuse', () => {
  it('asynchronous callbacks', () => {
    typed((flights) => {
      // @ts-expect-error a promise is no record
      flights.map(async (flight) => flight.origin);
      // @ts-expect-error a promise is always true
      flights.filter(async (flight) => flight.distance > 1);
      // @ts-expect-error a promise cannot be iterated
      flights.flatMap(async (flight) => [flight]);
      // @ts-expect-error a text is not taken apart
      flights.flatMap((flight) => flight.origin);
      // @ts-expect-error a promise is no key
      flights.keyBy(async (flight) => flight.origin);
      // @ts-expect-error a promise is no timestamp
      flights.withTimestamps(async (flight) => flight.date.getTime());
      const keyed = flights.keyBy((flight) => flight.origin);
      // @ts-expect-error a promise is no record
      keyed.reduce(async (_, flight) => flight);
      // @ts-expect-error a promise is no number
      keyed.sum(async (flight) => flight.distance);
      // @ts-expect-error a graph is drawn synchronously
      defineJob('x', async () => {});
    });
    defineJob('a build function may return anything else', (env) => env.from(source()).print());
  });

  it('keys that cannot be hashed', () => {
    typed((flights) => {
      // @ts-expect-error an object is no key
      flights.keyBy((flight) => ({ origin: flight.origin }));
      // @ts-expect-error undefined is no key
      flights.keyBy((): string | undefined => undefined);
    });
  });

  it('selectors and aggregations of other records, and what is no number', () => {
    typed((flights) => {
      const keyed = flights.keyBy((flight) => flight.origin);
      // @ts-expect-error a string is not summed
      keyed.sum((flight) => flight.origin);
      // @ts-expect-error there is no such field
      keyed.aggregate({ x: average((flight) => flight.altitude) });
      // @ts-expect-error an aggregation of other records
      keyed.aggregate({ x: sum((record: { altitude: number }) => record.altitude) });
      // @ts-expect-error a row, not an aggregation
      keyed.aggregate({ x: 1 });
    });
  });

  it('answers under names that the row has already', () => {
    typed((flights) => {
      const keyed = flights.keyBy((flight) => flight.origin);
      // @ts-expect-error the key's
      keyed.aggregate({ key: count() });
      // @ts-expect-error the key's, beside another
      keyed.aggregate({ key: count(), miles: sum((flight) => flight.distance) });
      const windows = keyed.window(tumbling(1_000));
      // @ts-expect-error the window's
      windows.aggregate({ windowStart: count() });
      // @ts-expect-error the window's
      windows.aggregate({ windowEnd: max((flight) => flight.delay) });
      // Of a stream without windows these are free.
      keyed.aggregate({ windowEnd: count() });
    });
  });

  it('side outputs that nobody fills, and records of another type in them', () => {
    typed((flights) => {
      const keyed = flights.keyBy((flight) => flight.origin);
      const windows = keyed.window(tumbling(1_000)).sideOutputLate('late');
      const rows = windows.aggregate({ n: count() });
      // @ts-expect-error there is 'late'
      rows.sideOutput('lat');
      // @ts-expect-error late flights are no numbers
      rows.sideOutput<number>('late');
      // @ts-expect-error a map puts nothing aside
      rows.map((row) => row.n).sideOutput('late');
      // @ts-expect-error nothing is put aside
      keyed.window(tumbling(1_000)).aggregate({ n: count() }).sideOutput('late');
      // @ts-expect-error nothing is put aside
      flights.sideOutput('bad');
      const reduced = windows.reduce((_, flight) => flight);
      expectTypeOf(reduced.sideOutput('late')).toEqualTypeOf<DataStream<Flight>>();
    });
    draw((env) => {
      const lines = env.from(ndjsonFile<Flight>('in'));
      // @ts-expect-error malformed lines end the job
      typed(() => lines.sideOutput('bad'));
      lines.print();
    });
  });

  it('sinks of other records', () => {
    typed((flights) => {
      // @ts-expect-error flights are no numbers
      flights.sinkTo(sink<number>());
      flights.sinkTo(sink<Flight>());
      flights.sinkTo(sink<unknown>());
    });
  });
});
