import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { count } from '../../src/stream/api/aggregations.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { StreamEnvironment } from '../../src/stream/api/environment.js';
import { tumbling } from '../../src/stream/api/windows.js';
import type { GraphData } from '../../src/stream/graph/graph.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import type { JobPlan } from '../../src/stream/graph/plan.js';
import { planChannels, planJob } from '../../src/stream/graph/planner.js';
import { draw, sink, source, thrownBy } from './graph-kit.js';

type Numbers = DataStream<number>;

function plan(build: (env: StreamEnvironment) => void, slots = 2, keyGroups = 16): JobPlan {
  return planJob(graphData(draw(build)), { slots, keyGroups });
}

/** Chains by node type, and edges as `from -partition-> to`. */
function shape({ graph, vertices, edges }: JobPlan): { chains: string[]; edges: string[] } {
  const type = (node: number): string => graph.nodes[node]!.type;
  return {
    chains: vertices.map(
      ({ nodes, parallelism }) => `${nodes.map(type).join(' ')} ×${parallelism}`,
    ),
    edges: edges.map(
      ({ fromNode, toNode, partition, tag }) =>
        `${type(fromNode)}${tag === undefined ? '' : `:${tag}`} -${partition}-> ${type(toNode)}`,
    ),
  };
}

describe('planJob', () => {
  it('chains what can call each other', () => {
    const planned = plan((env) => {
      env
        .from(source<number>())
        .map((n) => n + 1)
        .withTimestamps(() => 0)
        .keyBy((n) => n)
        .count()
        .filter((n) => n > 1)
        .sinkTo(sink());
    });
    expect(shape(planned)).toEqual({
      chains: ['testSource map timestamps ×2', 'count filter testSink ×2'],
      edges: ['timestamps -hash-> count'],
    });
    expect(planned.vertices.map(({ id, slots }) => [id, slots])).toEqual([
      ['testSource', [0, 1]],
      ['testSource/timestamps/count', [0, 1]],
    ]);
  });

  it('makes trees of several consumers, side outputs too, and cuts at unions', () => {
    const planned = plan((env) => {
      const a = env.from(source<number>('a', 'bad'));
      const b = a.map((n) => n);
      const c = a.filter(() => true);
      a.sideOutput('bad').sinkTo(sink('rejects'));
      b.union(c).sinkTo(sink('both'));
    });
    expect(shape(planned)).toEqual({
      chains: ['a map filter rejects ×2', 'both ×2'],
      edges: ['map -forward-> both', 'filter -forward-> both'],
    });
    expect(planned.edges.map(({ toInput }) => toInput)).toEqual([0, 1]);
  });

  it('turns forward between unequal parallelism into rebalance', () => {
    const planned = plan((env) => {
      env
        .from(source<number>())
        .parallelism(1)
        .map((n) => n)
        .rebalance()
        .filter(() => true)
        .sinkTo(sink())
        .parallelism(2);
    }, 3);
    expect(shape(planned)).toEqual({
      chains: ['testSource ×1', 'map ×3', 'filter ×3', 'testSink ×2'],
      edges: [
        'testSource -rebalance-> map',
        'map -rebalance-> filter',
        'filter -rebalance-> testSink',
      ],
    });
  });

  it('keeps the tag of a side output on its edge', () => {
    const planned = plan((env) => {
      const lines = env.from(source<number>('lines', 'bad'));
      lines.print();
      lines.sideOutput('bad').rebalance().sinkTo(sink('rejects'));
    });
    expect(shape(planned).edges).toEqual(['lines:bad -rebalance-> rejects']);
  });

  it('spreads narrow operators by id, and not by place', () => {
    const slotOf = (extra: boolean, id: string): number => {
      const { vertices } = plan((env) => {
        if (extra) env.from(source('extra')).print();
        env.from(source('x')).uid(id).parallelism(1).print().parallelism(1);
      }, 8);
      return vertices.find((vertex) => vertex.id === id)!.slots[0]!;
    };
    const used = Array.from({ length: 40 }, (_, i) => slotOf(false, `operator ${i}`));
    expect(new Set(used).size).toBeGreaterThan(4);
    for (let i = 0; i < 40; i += 1) expect(slotOf(true, `operator ${i}`)).toBe(used[i]);
  });

  it('makes a table for each number of instances', () => {
    const { tables } = plan(
      (env) => {
        const keyed = env
          .from(source<number>())
          .parallelism(3)
          .keyBy((n) => n);
        keyed.count().uid('a').parallelism(2).print().parallelism(1);
        keyed.count().uid('b').print();
      },
      4,
      64,
    );
    expect(Object.keys(tables)).toEqual(['2', '3', '4']);
    for (const [instances, table] of Object.entries(tables)) {
      expect(table).toHaveLength(65);
      expect(new Set(table.slice(1)).size).toBe(Number(instances));
    }
  });

  it('refuses more instances than slots', () => {
    const error = thrownBy(() =>
      plan((env) => env.from(source()).uid('in').parallelism(3).print()),
    );
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain("'in' asks for parallelism 3, but the job has 2 slots");
  });

  it('refuses more instances than key groups', () => {
    const build = (env: StreamEnvironment): void => {
      env.from(source()).keyBy(String).count().uid('counts').print();
    };
    const error = thrownBy(() => plan(build, 4, 3));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain('only 3 key groups');
  });

  it.each([0, 1.5, -1, 65_536, Number.NaN])('refuses %s slots or key groups', (number) => {
    const build = (env: StreamEnvironment): void => void env.from(source()).print();
    expect(thrownBy(() => plan(build, number)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(thrownBy(() => plan(build, 1, number)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
  });
});

/** A random whole job: each step reads streams drawn before it; what is left open ends in a sink. */
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('source', 'map', 'key', 'union', 'rebalance', 'broadcast', 'sink'),
    on: fc.nat(),
    also: fc.nat(),
    parallelism: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  }),
  { maxLength: 14 },
);
type Steps = typeof steps extends fc.Arbitrary<infer S> ? S : never;

function random(drawn: Steps): GraphData {
  return graphData(
    draw((env) => {
      const streams: Numbers[] = [env.from(source<number>('first'))];
      let unique = 0;
      const uid = (): string => {
        unique += 1;
        return `node ${unique}`;
      };
      for (const { kind, on, also, parallelism } of drawn) {
        const stream = streams[on % streams.length]!;
        const next = ((): Numbers | undefined => {
          switch (kind) {
            case 'source':
              return env.from(source<number>(uid()));
            case 'map':
              return stream.map((n) => n).uid(uid());
            case 'key':
              return stream
                .keyBy((n) => n)
                .count()
                .uid(uid());
            case 'union':
              return stream.union(streams[also % streams.length]!);
            case 'rebalance':
              return stream.rebalance();
            case 'broadcast':
              return stream.broadcast();
            default:
              stream.sinkTo(sink(uid()));
              return undefined;
          }
        })();
        if (next === undefined) continue;
        if (parallelism !== undefined && ['source', 'map', 'key'].includes(kind)) {
          next.parallelism(parallelism);
        }
        streams.push(next);
      }
      for (const stream of streams) stream.sinkTo(sink(uid()));
    }),
  );
}

describe('every plan', () => {
  const check = (law: (planned: JobPlan) => void): void => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 4, max: 6 }), (drawn, slots) => {
        law(planJob(random(drawn), { slots, keyGroups: 16 }));
      }),
      { numRuns: 200 },
    );
  };

  it('has every node in exactly one vertex, upstream first, of its own parallelism', () => {
    check(({ graph, vertices, slots }) => {
      const placed = vertices.flatMap(({ nodes }) => nodes);
      expect([...placed].sort((a, b) => a - b)).toEqual(graph.nodes.map(({ index }) => index));
      for (const { nodes, parallelism } of vertices) {
        expect(nodes).toEqual([...nodes].sort((a, b) => a - b));
        for (const node of nodes) {
          expect(graph.nodes[node]!.parallelism ?? slots).toBe(parallelism);
        }
      }
    });
  });

  it('has every input either inside a chain or as one edge, which ends at a head', () => {
    check(({ graph, vertices, edges }) => {
      const vertexOf = new Map(vertices.flatMap((v) => v.nodes.map((n) => [n, v.index] as const)));
      for (const node of graph.nodes) {
        node.inputs.forEach((input, toInput) => {
          const own = edges.filter((e) => e.toNode === node.index && e.toInput === toInput);
          const inside =
            vertexOf.get(input.from) === vertexOf.get(node.index) &&
            vertices[vertexOf.get(node.index)!]!.nodes[0] !== node.index;
          expect(own).toHaveLength(inside ? 0 : 1);
          if (inside) {
            // P1: chains never cross a hash edge, or any but the one forward input.
            expect([node.inputs.length, input.partition]).toEqual([1, 'forward']);
            return;
          }
          const edge = own[0]!;
          expect([edge.fromNode, edge.tag]).toEqual([input.from, input.tag]);
          expect(edge.fromVertex).toBe(vertexOf.get(edge.fromNode));
          expect(vertices[edge.toVertex]!.nodes[0]).toBe(edge.toNode);
        });
      }
      expect(edges.map(({ index }) => index)).toEqual(edges.map((_, i) => i));
    });
  });

  it('reaches every consuming instance: forward from its own, others from all', () => {
    check((planned) => {
      const channels = planChannels(planned);
      for (const edge of planned.edges) {
        const from = planned.vertices[edge.fromVertex]!;
        const to = planned.vertices[edge.toVertex]!;
        const own = channels.filter((channel) => channel.edge === edge.index);
        const expected =
          edge.partition === 'forward' ? to.parallelism : from.parallelism * to.parallelism;
        expect(own).toHaveLength(expected);
        expect(new Set(own.map((c) => `${c.fromInstance} ${c.toInstance}`)).size).toBe(expected);
        expect(new Set(own.map((c) => c.toInstance)).size).toBe(to.parallelism);
        for (const channel of own) {
          expect(channel.fromSlot).toBe(from.slots[channel.fromInstance]);
          expect(channel.toSlot).toBe(to.slots[channel.toInstance]);
          if (edge.partition === 'forward') {
            expect(from.parallelism).toBe(to.parallelism);
            expect(channel.fromInstance).toBe(channel.toInstance);
          }
        }
      }
    });
  });

  it('gives every instance a slot of its own, and every hash edge a table', () => {
    check(({ slots, vertices, edges, tables, keyGroups }) => {
      for (const vertex of vertices) {
        expect(new Set(vertex.slots).size).toBe(vertex.parallelism);
        for (const slot of vertex.slots) expect(slot < slots && slot >= 0).toBe(true);
      }
      for (const { partition, toVertex } of edges) {
        if (partition !== 'hash') continue;
        const { parallelism } = vertices[toVertex]!;
        expect(tables[parallelism]).toHaveLength(keyGroups + 1);
        expect(new Set(tables[parallelism]!.slice(1)).size).toBe(parallelism);
      }
    });
  });

  it('is the same for the same graph, and can cross threads', () => {
    check((planned) => {
      const { graph, slots, keyGroups } = planned;
      expect(planJob(graph, { slots, keyGroups })).toEqual(planned);
      expect(structuredClone(planned)).toEqual(planned);
    });
  });
});

describe('notices', () => {
  const day = tumbling(1_000);
  const notices = (build: (numbers: Numbers, env: StreamEnvironment) => Numbers, slots = 2) =>
    plan((env) => {
      const timed = build(env.from(source<number>()), env);
      timed
        .keyBy((n) => n)
        .window(day)
        .reduce((a) => a)
        .sinkTo(sink());
    }, slots).notices.map(({ operator }) => operator);
  const timed = (numbers: Numbers) => numbers.withTimestamps((n) => n).uid('times');

  it('tell that what is late depends on how records arrive, where times are given behind an exchange', () => {
    expect(notices((numbers) => timed(numbers.rebalance().map((n) => n)))).toEqual(['times']);
    expect(notices((numbers) => timed(numbers.broadcast().map((n) => n)))).toEqual(['times']);
    expect(notices((numbers) => timed(numbers).parallelism(1))).toEqual(['times']);
    expect(
      notices((numbers, env) => timed(numbers.union(env.from(source<number>()).uid('other')))),
    ).toEqual(['times']);
    const { notices: told } = plan((env) => {
      timed(
        env
          .from(source<number>())
          .keyBy((n) => n)
          .count(),
      )
        .keyBy((n) => n)
        .window(day)
        .aggregate({ n: count() })
        .sinkTo(sink());
    });
    expect(told).toMatchObject([
      { operator: 'times', text: expect.stringMatching(/late.*ahead of mapAsync, keyBy/) },
    ]);
  });

  it('tell nothing where they are given in the source’s own chain, or no window judges by them', () => {
    expect(notices((numbers) => timed(numbers.map((n) => n).filter(Boolean)))).toEqual([]);
    expect(notices((numbers) => timed(numbers).parallelism(1), 1)).toEqual([]);
    expect(
      notices((numbers, env) =>
        timed(numbers).union(env.from(source<number>()).uid('other').withTimestamps(Number)),
      ),
    ).toEqual([]);
    const { notices: unread } = plan((env) => {
      timed(env.from(source<number>()).rebalance()).sinkTo(sink());
    });
    expect(unread).toEqual([]);
    // Those of the later one are the times that count.
    const again = (numbers: Numbers) =>
      timed(numbers.rebalance())
        .map((n) => n)
        .withTimestamps(Number)
        .uid('again');
    expect(notices(again)).toEqual(['again']);
  });
});
