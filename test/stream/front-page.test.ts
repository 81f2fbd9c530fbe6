/** The jobs of the documentation, drawn with the package's own sources and sinks. */

import { describe, expect, it } from 'vitest';
import { collectTable } from '../../src/connectors/memory/collect-table.js';
import {
  aggregation,
  average,
  collect,
  count,
  days,
  defineJob,
  discard,
  generate,
  max,
  minutes,
  ndjsonFile,
  ndjsonFiles,
  print,
  type RejectedRecord,
  tumbling,
} from '../../src/index.js';
import { buildGraph, graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import { type Flight, ids } from './graph-kit.js';

const job = defineJob('flight-delays', (env, args) => {
  const flights = env.from(ndjsonFile<Flight>('flights.ndjson', { malformed: 'bad' }));
  flights.sideOutput<RejectedRecord>('bad').print({ prefix: 'bad: ' });
  const timed = flights
    .filter((flight) => flight.origin !== '')
    .withTimestamps((flight) => flight.date.getTime(), { outOfOrdernessMs: minutes(10) });
  const delays = timed
    .keyBy((flight) => flight.origin)
    .window(tumbling(days(1)))
    .sideOutputLate('late')
    .aggregate({
      flights: count(),
      delay: average((flight) => flight.delay),
      worst: max((flight) => flight.delay),
      destinations: aggregation({
        initial: () => new Set<string>(),
        add: (seen, flight: Flight) => {
          seen.add(flight.destination);
        },
        result: (seen) => [...seen],
      }),
    });
  delays.sinkTo(ndjsonFiles(String(args['out'])));
  delays.sideOutput<Flight>('late').sinkTo(discard());
  const routes = timed.keyBy((flight) => [flight.origin, flight.destination]);
  routes
    .count()
    .union(env.from(generate((i) => i, { count: 10 })))
    .collect('counts');
  routes.reduce((first) => first).sinkTo(discard());
});

describe('the front page', () => {
  const graph = buildGraph(job, { out: 'out' }, { collect, collectTable, print });

  it('has ids that read like the job', () => {
    const timed = 'ndjsonFile/timestamps';
    expect(ids(graph)).toEqual([
      'ndjsonFile',
      'ndjsonFile:bad/print',
      'ndjsonFile/filter',
      timed,
      `${timed}/window-aggregate`,
      `${timed}/window-aggregate/ndjsonFiles`,
      `${timed}/window-aggregate:late/discard`,
      `${timed}/count`,
      'generate',
      `(${timed}/count+generate)/collect:counts`,
      `${timed}/reduce`,
      `${timed}/reduce/discard`,
    ]);
  });

  it('makes a fresh operator of every node at each call', () => {
    for (const { kind, create } of graph.nodes) {
      expect(create === undefined).toBe(kind !== 'operator');
      if (create === undefined) continue;
      const operator = create();
      expect(operator.onElement).toBeTypeOf('function');
      expect(operator.onWatermark).toBeTypeOf('function');
      expect(create()).not.toBe(operator);
    }
  });

  it('is planned, as data', () => {
    const data = graphData(graph);
    expect(JSON.parse(JSON.stringify(data.nodes[5]?.committer))).toEqual(data.nodes[5]?.committer);
    const { vertices } = planJob(data, { slots: 2, keyGroups: 1024 });
    expect(vertices.map(({ nodes }) => nodes)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6],
      [7],
      [8],
      [9],
      [10, 11],
    ]);
  });

  it('is the same graph at every build', () => {
    expect(buildGraph(job, { out: 'out' }, { collect, collectTable, print }).hash).toBe(graph.hash);
    expect(buildGraph(job, { out: 'elsewhere' }, { collect, collectTable, print }).hash).not.toBe(
      graph.hash,
    );
  });
});
