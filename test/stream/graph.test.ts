import { describe, expect, it } from 'vitest';
import { count, sum } from '../../src/stream/api/aggregations.js';
import type { DataStream, WindowedStream } from '../../src/stream/api/data-stream.js';
import type { StreamEnvironment } from '../../src/stream/api/environment.js';
import { sideOutput } from '../../src/stream/api/side-outputs.js';
import { countEvictor, countTrigger } from '../../src/stream/api/triggers.js';
import { tumbling } from '../../src/stream/api/windows.js';
import type { Sink } from '../../src/stream/sink.js';
import { draw, type Flight, nodeOf, sink, source, thrownBy } from './graph-kit.js';

const origin = (flight: Flight): string => flight.origin;

describe('what is drawn', () => {
  it('draws the example of the front page', () => {
    const graph = draw((env) => {
      env
        .from(source<Flight>('parquetFile'))
        .withTimestamps((flight) => flight.date.getTime(), { outOfOrdernessMs: 600_000 })
        .keyBy(origin)
        .window(tumbling(86_400_000))
        .aggregate({ flights: count(), miles: sum((flight) => flight.distance) })
        .sinkTo(sink('ndjsonFiles'));
    });
    expect(
      graph.nodes.map(({ kind, type, stateful, inputs }) => ({
        kind,
        type,
        stateful,
        inputs: inputs.map(({ from, partition }) => `${partition} ${from}`),
      })),
    ).toEqual([
      { kind: 'source', type: 'parquetFile', stateful: true, inputs: [] },
      { kind: 'operator', type: 'timestamps', stateful: true, inputs: ['forward 0'] },
      { kind: 'operator', type: 'window-aggregate', stateful: true, inputs: ['hash 1'] },
      { kind: 'sink', type: 'ndjsonFiles', stateful: true, inputs: ['forward 2'] },
    ]);
    expect(graph.nodes[2]?.inputs[0]?.key).toBe(origin);
    expect(graph.nodes[2]?.parameters).toEqual({
      window: { kind: 'tumbling', sizeMs: 86_400_000, offsetMs: 0 },
      allowedLatenessMs: 0,
      lateTag: null,
      aggregations: { flights: 'count', miles: 'sum' },
    });
    expect(graph.nodes.map(({ create }) => create !== undefined)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('makes no node of union, keyBy and rebalance', () => {
    const graph = draw((env) => {
      const a = env.from(source<Flight>('a'));
      const b = env.from(source<Flight>('b'));
      a.union(b).keyBy(origin).count().rebalance().sinkTo(sink());
    });
    expect(nodeOf(graph, 'count').inputs).toEqual([
      { from: 0, partition: 'hash', key: origin, tag: undefined },
      { from: 1, partition: 'hash', key: origin, tag: undefined },
    ]);
    expect(nodeOf(graph, 'testSink').inputs[0]?.partition).toBe('rebalance');
  });

  it('replaces a partition by the next one, and keeps the hash for unkeyed operators', () => {
    const graph = draw((env) => {
      const keyed = env.from(source<Flight>()).keyBy((flight) => flight.destination);
      keyed.keyBy(origin).count().sinkTo(sink('one'));
      keyed.map(origin).sinkTo(sink('two'));
      keyed.broadcast().sinkTo(sink('three'));
      keyed.rebalance().union(keyed).sinkTo(sink('four'));
    });
    expect(nodeOf(graph, 'count').inputs[0]?.key).toBe(origin);
    expect(nodeOf(graph, 'map').inputs[0]?.partition).toBe('hash');
    expect(nodeOf(graph, 'three').inputs[0]?.partition).toBe('broadcast');
    expect(nodeOf(graph, 'four').inputs.map(({ partition }) => partition)).toEqual([
      'rebalance',
      'hash',
    ]);
  });

  it('labels the operator just made', () => {
    const graph = draw((env) => {
      env
        .from(source<Flight>())
        .name('flights')
        .map((flight) => flight)
        .uid('m')
        .keyBy(origin)
        .name('parse')
        .count()
        .parallelism(1)
        .collect('rows')
        .name('out')
        .parallelism(2);
    });
    expect(graph.nodes.map(({ id, name, parallelism }) => [id, name, parallelism])).toEqual([
      ['flights', 'flights', undefined],
      ['m', 'parse', undefined],
      ['m/count', 'count', 1],
      ['out', 'out', 2],
    ]);
  });

  it('makes a node of a union, a rebalance or a side output that is labelled', () => {
    const graph = draw((env) => {
      const a = env.from(source<Flight>('a', 'bad'));
      const b = env.from(source<Flight>('b'));
      a.union(b).name('both').keyBy(origin).count().sinkTo(sink('one'));
      a.rebalance().parallelism(1).sinkTo(sink('two'));
      a.sideOutput('bad').uid('rejected').sinkTo(sink('three'));
    });
    expect(nodeOf(graph, 'union').inputs.map(({ from }) => from)).toEqual([0, 1]);
    expect(nodeOf(graph, 'count').inputs).toEqual([
      {
        from: nodeOf(graph, 'union').index,
        partition: 'hash',
        key: origin,
        tag: undefined,
      },
    ]);
    expect(nodeOf(graph, 'rebalance')).toMatchObject({ parallelism: 1, stateful: false });
    expect(nodeOf(graph, 'two').inputs[0]).toMatchObject({
      from: nodeOf(graph, 'rebalance').index,
      partition: 'forward',
    });
    expect(nodeOf(graph, 'sideOutput')).toMatchObject({
      id: 'rejected',
      inputs: [{ from: 0, tag: 'bad' }],
    });
  });

  it('reads side outputs by tag', () => {
    const graph = draw((env) => {
      const windows = env
        .from(source<Flight>())
        .keyBy(origin)
        .window(tumbling(10))
        .sideOutputLate('late')
        .allowedLateness(5)
        .reduce((first) => first);
      windows.sinkTo(sink('main'));
      windows.sideOutput<Flight>('late').keyBy(origin).count().sinkTo(sink('side'));
    });
    const window = nodeOf(graph, 'window-reduce');
    expect(window.parameters).toMatchObject({ allowedLatenessMs: 5, lateTag: 'late' });
    expect(nodeOf(graph, 'count').inputs[0]).toMatchObject({
      from: window.index,
      partition: 'hash',
      tag: 'late',
    });
  });
});

type Case = readonly [string, (env: StreamEnvironment) => void, string, RegExp];

/** A join of a stream with itself. */
const twice = (stream: DataStream<unknown>, method: 'join' | 'coGroup', options: object): void => {
  const keyed = stream.keyBy(String);
  (keyed[method] as (other: unknown, options: unknown) => unknown).call(keyed, keyed, options);
};

describe('what is refused', () => {
  const cases: readonly Case[] = [
    ['no source', () => {}, 'JOB_BUILD', /has no source/],
    ['no sink', (env) => env.from(source()).map(String), 'JOB_BUILD', /has no sink/],
    [
      'a stream that nobody reads',
      (env) => {
        const stream = env.from(source());
        stream.print();
        stream.map(String).name('lost');
      },
      'JOB_BUILD',
      /nobody reads the stream that map 'lost'/,
    ],
    [
      'a side output that nobody reads',
      (env) => env.from(source('lines', 'bad')).print(),
      'JOB_BUILD',
      /nobody reads the side output 'bad' of lines/,
    ],
    [
      'late records that nobody reads',
      (env) =>
        env
          .from(source<Flight>())
          .keyBy(origin)
          .window(tumbling(1))
          .sideOutputLate('late')
          .aggregate({ n: count() })
          .print(),
      'JOB_BUILD',
      /side output 'late' of window-aggregate/,
    ],
    [
      'a side output that does not exist',
      // @ts-expect-error a map puts nothing aside
      (env) => env.from(source('lines', 'bad')).map(String).sideOutput('bad').print(),
      'JOB_BUILD',
      /no side output 'bad': map \(node 1\) has no side outputs/,
    ],
    [
      'a side output of another name',
      (env) => env.from(source('lines', 'bad')).sideOutput('worse').print(),
      'JOB_BUILD',
      /has only 'bad'/,
    ],
    [
      'two collects of one name',
      (env) => {
        env.from(source('a')).collect('rows');
        env.from(source('b')).collect('rows');
      },
      'JOB_BUILD',
      /collect under the name 'rows'/,
    ],
    ['no source object', (env) => env.from({} as never), 'BAD_OPTION', /needs a source/],
    ['no sink object', (env) => env.from(source()).sinkTo(1 as never), 'BAD_OPTION', /a sink/],
    ['no function', (env) => env.from(source()).map('f' as never), 'BAD_OPTION', /map needs a fun/],
    [
      'an async function',
      (env) => env.from(source()).filter((async () => true) as never),
      'ASYNC_CALLBACK',
      /callback of filter/,
    ],
    [
      'a union with what is no stream',
      (env) => env.from(source()).union([] as never),
      'BAD_OPTION',
      /union\(…\) needs streams/,
    ],
    ['parallelism 0', (env) => env.from(source()).parallelism(0), 'BAD_OPTION', /number 0/],
    ['parallelism 1.5', (env) => env.from(source()).parallelism(1.5), 'BAD_OPTION', /1\.5/],
    ['an empty name', (env) => env.from(source()).name(' '), 'BAD_OPTION', /printable/],
    ['a name of two lines', (env) => env.from(source()).uid('a\nb'), 'BAD_OPTION', /printable/],
    [
      'a second, different uid',
      (env) => env.from(source()).uid('a').uid('b'),
      'BAD_OPTION',
      /has uid "a" already/,
    ],
    [
      'negative out-of-orderness',
      (env) => env.from(source()).withTimestamps(() => 0, { outOfOrdernessMs: -1 }),
      'BAD_OPTION',
      /outOfOrdernessMs/,
    ],
    [
      'negative lateness',
      (env) => env.from(source()).keyBy(String).window(tumbling(1)).allowedLateness(-1),
      'BAD_OPTION',
      /allowedLateness/,
    ],
    [
      'a window that is none',
      (env) =>
        env
          .from(source())
          .keyBy(String)
          .window(1_000 as never),
      'BAD_OPTION',
      /tumbling\(minutes\(1\)\)/,
    ],
    ...(
      [
        ['windowAll(window)', (s) => s.windowAll(5 as never)],
        ['join({ window })', (s) => twice(s, 'join', { window: 5, select: () => 1 })],
        ['coGroup({ window })', (s) => twice(s, 'coGroup', { window: 5, select: () => 1 })],
      ] satisfies readonly (readonly [string, (s: DataStream<unknown>) => void])[]
    ).map(
      ([where, call]): Case => [
        `a window that is none, of ${where}`,
        (env) => call(env.from(source())),
        'BAD_OPTION',
        new RegExp(`${where.replace(/[(){}]/g, '\\$&')} needs a window`),
      ],
    ),
    ...Object.entries({
      'sideOutputLate(tag)': (s) => s.sideOutputLate('a').sideOutputLate('b'),
      'allowedLateness(ms)': (s) => s.allowedLateness(1).allowedLateness(2),
      'trigger(…)': (s) => s.trigger(countTrigger(1)).trigger(countTrigger(2)),
      'evictor(…)': (s) => s.evictor(countEvictor(1)).evictor(countEvictor(2)),
    } satisfies Record<string, (s: WindowedStream<unknown, string>) => void>).map(
      ([what, call]): Case => [
        `${what} of one window, given twice`,
        (env) => call(env.from(source()).keyBy(String).window(tumbling(1))),
        'BAD_OPTION',
        /was given twice/,
      ],
    ),
    ...(
      [
        ['union', (s, c) => s.union(c)],
        ['connect', (s, c) => s.connect(c)],
        ['join', (s, c) => s.keyBy(String).join(c, { ttlMs: 1, select: () => 1 })],
      ] satisfies readonly (readonly [string, (s: DataStream<unknown>, c: never) => void])[]
    ).map(
      ([method, call]): Case => [
        `${method} with a changelog`,
        (env) =>
          call(
            env.from(source()),
            env.from(source('b')).keyBy(String).aggregate({ n: count() }).toChangelog() as never,
          ),
        'BAD_OPTION',
        /needs streams of this job, .*\.asRecords\(\)/,
      ],
    ),
    [
      'a key for the table of a stream that is no changelog',
      (env) => {
        const sink: Sink<unknown> = { kind: 'own', open: () => ({ write() {}, close() {} }) };
        // @ts-expect-error only a changelog has a table
        env.from(source()).sinkTo(sink, { key: String });
      },
      'BAD_OPTION',
      /keeps the table of a changelog/,
    ],
    [
      'rows that nobody reads, beside a side output named as changes are',
      (env) => {
        const both = env.from(source()).process({
          sideOutputs: { changes: sideOutput<number>() },
          onElement() {},
        });
        both.sideOutput('changes').print();
      },
      'JOB_BUILD',
      /nobody reads the stream that process/,
    ],
    [
      'dead letters named as changes are',
      (env) => env.from(source()).keyBy(String).count().onError({ sideOutput: 'changes' }),
      'BAD_OPTION',
      /is kept for the changes/,
    ],
    [
      'an answer that hides the key',
      // @ts-expect-error the row has a key already
      (env) => env.from(source()).keyBy(String).aggregate({ key: count() }),
      'BAD_OPTION',
      /'key', which is taken/,
    ],
    [
      'an answer that hides the window',
      (env) =>
        // @ts-expect-error the row has an end already
        env.from(source()).keyBy(String).window(tumbling(1)).aggregate({ windowEnd: count() }),
      'BAD_OPTION',
      /'windowEnd', which is taken/,
    ],
    [
      'no answers',
      (env) => env.from(source()).keyBy(String).aggregate({}),
      'BAD_OPTION',
      /at least one/,
    ],
    [
      'an answer that is no aggregation',
      (env) =>
        env
          .from(source())
          .keyBy(String)
          .aggregate({ n: 1 as never }),
      'BAD_OPTION',
      /for 'n', but was given the number 1/,
    ],
  ];

  it.each(cases)('%s', (_, build, code, message) => {
    const error = thrownBy(() => draw(build));
    expect(error.code).toBe(`ERR_HOLDFAST_${code}`);
    expect(error.message).toMatch(message);
  });

  it('streams of another build', () => {
    let kept: DataStream<unknown> | undefined;
    draw((env) => {
      kept = env.from(source());
      kept.print();
    });
    const error = thrownBy(() => draw((env) => env.from(source()).union(kept!).print()));
    expect(error.message).toContain('another call of the build function');
  });

  it('accepts options that are explicitly undefined', () => {
    const graph = draw((env) => {
      env
        .from(source())
        .withTimestamps(() => 0, { outOfOrdernessMs: undefined })
        .print();
    });
    expect(nodeOf(graph, 'timestamps').parameters).toEqual({ outOfOrdernessMs: 0 });
  });
});
