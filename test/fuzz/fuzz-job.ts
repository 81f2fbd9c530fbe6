/** The real graph of a drawn job. */

import type { DataStream } from '../../src/stream/api/data-stream.js';
import { defineJob, type JobDefinition } from '../../src/stream/api/job-definition.js';
import type { Source, SourceBatch } from '../../src/stream/source.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import { dropped, shifted } from './arrivals.js';
import type { FuzzJob, FuzzSource, FuzzStep } from './job-spec.js';
import type { FuzzRecord } from './shape.js';

/** How a run paces what it waits for. */
export interface FuzzPace {
  /** Waits before a batch, or before a service answers, or undefined: at once. */
  rest(): Promise<void> | undefined;
}

export function fuzzJob(job: FuzzJob, pace: FuzzPace): JobDefinition {
  return defineJob('fuzz', (env) => {
    const timed = job.sources.map((source, s) => {
      const read = env.from(fuzzSource(source, pace)).uid(`source${s}`);
      const given = through(read, job.before, pace, `before${s}`)
        .withTimestamps(({ t }) => t, { outOfOrdernessMs: source.outOfOrdernessMs })
        .uid(`time${s}`);
      return job.sides === 1 ? given : ready(given, job, pace, `${s}`);
    });
    const [first, ...others] = timed;
    const union = (streams: readonly DataStream<FuzzRecord>[]): DataStream<FuzzRecord> => {
      const [one, ...more] = streams;
      return more.length === 0 ? one! : one!.union(...more);
    };
    if (job.sides === 1) {
      const left = ready(union(timed), job, pace, '');
      job.shape.build({ left, right: left });
    } else {
      job.shape.build({ left: first!, right: others.length === 0 ? first! : union(others) });
    }
  });
}

function ready(
  stream: DataStream<FuzzRecord>,
  { after, rebalance }: FuzzJob,
  pace: FuzzPace,
  name: string,
): DataStream<FuzzRecord> {
  const passed = through(stream, after, pace, `after${name}`);
  return rebalance ? passed.rebalance() : passed;
}

function through(
  stream: DataStream<FuzzRecord>,
  steps: readonly FuzzStep[],
  pace: FuzzPace,
  name: string,
): DataStream<FuzzRecord> {
  let next = stream;
  for (const step of steps) {
    if (step === 'shift') next = next.map((record) => ({ ...record, v: shifted(record.v) }));
    else if (step === 'drop') next = next.filter(({ id }) => !dropped(id));
    else if (step === 'twice') next = next.flatMap((record) => [record, record]);
    else next = asked(next, pace, step === 'ask').uid(`${name}-ask`);
  }
  return next;
}

/** One record in five is not answered at first. */
function asked(
  stream: DataStream<FuzzRecord>,
  pace: FuzzPace,
  ordered: boolean,
): DataStream<FuzzRecord> {
  return stream.mapAsync(
    async (record, { attempt }) => {
      await pace.rest();
      if (attempt === 1 && record.id % 5 === 0) throw new Error('no answer');
      return { ...record };
    },
    { capacity: 3, ordered, retry: fixedDelay({ attempts: 5, delayMs: 1 }) },
  );
}

function fuzzSource({ splits, batch }: FuzzSource, pace: FuzzPace): Source<FuzzRecord> {
  return {
    kind: 'fuzzSource',
    splits: async () => splits.map((_, p) => ({ id: `split ${p}`, bounded: true, p })),
    open: async (split, position) => {
      const records = splits[split['p'] as number]!;
      let next = (position as number | undefined) ?? 0;
      let start = next;
      const read = (): SourceBatch<FuzzRecord> | undefined => {
        start = next;
        if (next >= records.length) return undefined;
        next = Math.min(records.length, next + batch);
        return { records: records.slice(start, next) };
      };
      return {
        poll: () => {
          const rest = pace.rest();
          return rest === undefined ? read() : rest.then(read);
        },
        position: (taken) => start + taken,
        describe: (at) => `${split.id}, record ${start + at}`,
        close: () => {},
      };
    },
  };
}
