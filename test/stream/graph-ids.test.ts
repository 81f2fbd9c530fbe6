import { describe, expect, it } from 'vitest';
import { average, count, sum } from '../../src/stream/api/aggregations.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import { tumbling } from '../../src/stream/api/windows.js';
import { draw, ids, nodeOf, sink, source, thrownBy } from './graph-kit.js';

interface Word {
  readonly text: string;
  readonly length: number;
}

const text = (word: Word): string => word.text;

describe('ids', () => {
  it('prefer the uid to the name, and the name to what is derived', () => {
    const graph = draw((env) => {
      env
        .from(source<Word>('words'))
        .uid('in')
        .name('input')
        .map((word) => word)
        .name('parse')
        .keyBy(text)
        .count()
        .print();
    });
    expect(ids(graph)).toEqual(['in', 'parse', 'parse/count', 'parse/count/print']);
  });

  it('of stateful operators do not change when stateless ones come and go', () => {
    const job = (prepare: (words: DataStream<Word>) => DataStream<Word>) =>
      draw((env) => {
        const counts = prepare(env.from(source<Word>('words')))
          .withTimestamps(() => 0)
          .keyBy(text)
          .count();
        counts.sinkTo(sink('files'));
        counts.filter((n) => n > 1).collect('many');
      });
    const stateful = (graph: ReturnType<typeof job>): string[] =>
      graph.nodes.filter((node) => node.stateful).map(({ id }) => id);
    const plain = job((words) => words);
    const edited = job((words) =>
      words
        .map((word) => word)
        .filter(() => true)
        .rebalance(),
    );
    expect(stateful(plain)).toEqual([
      'words',
      'words/timestamps',
      'words/timestamps/count',
      'words/timestamps/count/files',
      'words/timestamps/count/collect:many',
    ]);
    expect(stateful(edited)).toEqual(stateful(plain));
  });

  it('name all anchors of a union, each once', () => {
    const graph = draw((env) => {
      const a = env.from(source<Word>('a'));
      const b = env.from(source<Word>('b'));
      a.map((word) => word)
        .union(b, a)
        .keyBy(text)
        .count()
        .print();
    });
    expect(nodeOf(graph, 'count').id).toBe('(a+b)/count');
  });

  it('tell a side output from the main one', () => {
    const graph = draw((env) => {
      const words = env.from(source<Word>('words', 'bad'));
      words.sinkTo(sink('files'));
      words
        .sideOutput('bad')
        .map((bad) => bad)
        .sinkTo(sink('files'));
    });
    expect(ids(graph)).toEqual(['words', 'words/files', 'words:bad/map', 'words:bad/files']);
  });

  it('of stateless operators are made unique by number, and give way', () => {
    const graph = draw((env) => {
      const words = env.from(source<Word>('words'));
      words.map(text).print();
      words.map(text).print();
      words
        .filter(() => true)
        .name('count')
        .print();
      words.keyBy(text).count().uid('count').print();
      words
        .filter(() => true)
        .name('words')
        .print();
    });
    expect(ids(graph)).toEqual([
      'words',
      'words/map',
      'words/print',
      'words/map-2',
      'words/print-2',
      'count-2',
      'count/print',
      'count',
      'count/print-2',
      'words-2',
      'words/print-3',
    ]);
    expect(new Set(ids(graph)).size).toBe(graph.nodes.length);
  });

  it('stay short, and different', () => {
    const graph = draw((env) => {
      for (const name of ['one', 'two']) {
        let stream: DataStream<Word> = env.from(source<Word>(name));
        for (let i = 0; i < 40; i += 1) stream = stream.keyBy(text).reduce((word) => word);
        stream.sinkTo(sink('files'));
      }
    });
    expect(Math.max(...ids(graph).map((id) => id.length))).toBeLessThanOrEqual(120);
    expect(new Set(ids(graph)).size).toBe(graph.nodes.length);
  });
});

describe('a clash of ids', () => {
  it('between stateful operators asks for uids and names both', () => {
    const error = thrownBy(() =>
      draw((env) => {
        const words = env.from(source<Word>('words')).name('in');
        words.keyBy(text).count().print();
        words
          .map((word) => word)
          .name('again')
          .print();
        words
          .keyBy((word) => word.length)
          .count()
          .print();
      }),
    );
    expect(error.code).toBe('ERR_HOLDFAST_DUPLICATE_UID');
    expect(error.message).toContain("'in/count'");
    expect(error.message).toContain("count (node 1), which reads words 'in'");
    expect(error.message).toContain("count (node 5), which reads words 'in'");
    expect(error.message).toContain('.uid(');
  });

  it.each([
    ['sources', (s: (kind: string) => DataStream<Word>) => [s('x').print(), s('x').print()]],
    [
      'sinks',
      (s: (kind: string) => DataStream<Word>) => {
        const words = s('x');
        return [words.sinkTo(sink('files')), words.map(text).sinkTo(sink('files'))];
      },
    ],
    [
      'names',
      (s: (kind: string) => DataStream<Word>) => [
        s('x').keyBy(text).count().name('n').print(),
        s('y').keyBy(text).count().name('n').print(),
      ],
    ],
    [
      'uids of stateless operators',
      (s: (kind: string) => DataStream<Word>) => [
        s('x').map(text).uid('u').print(),
        s('y').map(text).uid('u').print(),
      ],
    ],
  ])('is found among %s', (_, build) => {
    const error = thrownBy(() => draw((env) => void build((kind) => env.from(source(kind)))));
    expect(error.code).toBe('ERR_HOLDFAST_DUPLICATE_UID');
  });

  it('does not concern sinks that keep nothing', () => {
    const graph = draw((env) => {
      const words = env.from(source<Word>('words'));
      words.sinkTo(sink('discard', { stateless: true }));
      words.sinkTo(sink('discard', { stateless: true }));
      words.print();
      words.print();
    });
    expect(ids(graph).slice(1)).toEqual([
      'words/discard',
      'words/discard-2',
      'words/print',
      'words/print-2',
    ]);
  });
});

describe('the hash', () => {
  interface Variation {
    readonly sizeMs?: number;
    readonly latenessMs?: number;
    readonly tag?: string;
    readonly parallelism?: number;
    readonly directory?: string;
    readonly rebalance?: boolean;
    readonly spec?: 'sum' | 'average';
    readonly outOfOrdernessMs?: number;
    readonly map?: (word: Word) => Word;
    readonly name?: string;
  }
  const hash = (change: Variation = {}): string =>
    draw((env) => {
      const words = env
        .from(source<Word>('words'))
        .uid('in')
        .parallelism(change.parallelism ?? 1)
        .map(change.map ?? ((word) => word))
        .uid('map')
        .name(change.name ?? 'map')
        .withTimestamps(() => 0, { outOfOrdernessMs: change.outOfOrdernessMs ?? 0 });
      const windows = (change.rebalance === true ? words.rebalance() : words)
        .keyBy(text)
        .window(tumbling(change.sizeMs ?? 10))
        .allowedLateness(change.latenessMs ?? 0)
        .sideOutputLate(change.tag ?? 'late')
        .aggregate({
          n: count(),
          x: (change.spec === 'average' ? average<Word> : sum<Word>)((word) => word.length),
        });
      windows.sinkTo(
        sink('files', { committer: { kind: 'rename', directory: change.directory ?? '/a' } }),
      );
      windows
        .sideOutput<Word>(change.tag ?? 'late')
        .rebalance()
        .print();
    }).hash;

  it('is that of every other build', () => {
    expect(hash()).toMatch(/^[0-9a-f]{64}$/);
    expect(hash()).toBe(hash());
  });

  it('does not know parallelism, functions and names', () => {
    expect(hash({ parallelism: 2 })).toBe(hash());
    expect(hash({ map: (word) => ({ ...word, length: 1 }) })).toBe(hash());
    expect(hash({ name: 'normalise' })).toBe(hash());
  });

  it.each<[string, Variation]>([
    ['a window', { sizeMs: 20 }],
    ['lateness', { latenessMs: 1 }],
    ['a tag', { tag: 'late rows' }],
    ['a committer', { directory: '/b' }],
    ['an aggregation', { spec: 'average' }],
    ['out-of-orderness', { outOfOrdernessMs: 1 }],
  ])('knows %s', (_, change) => {
    expect(hash(change)).not.toBe(hash());
  });

  it('knows partitions and inputs', () => {
    const of = (build: (a: DataStream<Word>, b: DataStream<Word>) => DataStream<Word>): string =>
      draw((env) => {
        const a = env.from(source<Word>('a'));
        const b = env.from(source<Word>('b'));
        build(a, b).sinkTo(sink()).uid('out');
        a.print();
        b.print();
      }).hash;
    const hashes = [
      of((a) => a),
      of((_, b) => b),
      of((a) => a.rebalance()),
      of((a) => a.keyBy(text)),
      of((a) => a.broadcast()),
      of((a, b) => a.union(b)),
      of((a, b) => b.union(a)),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});
