/** The real graph of a drawn topology, with sources and sinks of the simulation. */

import { count, min, sum } from '../../src/stream/api/aggregations.js';
import type { DataStream, KeyedStream, RecordOf } from '../../src/stream/api/data-stream.js';
import type { StreamEnvironment } from '../../src/stream/api/environment.js';
import { defineJob, type JobDefinition } from '../../src/stream/api/job-definition.js';
import type { Output } from '../../src/stream/api/output.js';
import { map } from '../../src/stream/api/state-specs.js';
import { session, sliding, tumbling } from '../../src/stream/api/windows.js';
import type { DeadLetter } from '../../src/stream/dead-letter.js';
import type { Sink } from '../../src/stream/sink.js';
import type { Source, SourceBatch } from '../../src/stream/source.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import { asideOf, asideRows } from './asides.js';
import { branchOf, branchRows } from './branches.js';
import type { Occasion } from './life.js';
import { sinkId } from './reference.js';
import { coin, wrong } from './sim-values.js';
import {
  callsOf,
  copies,
  DISORDER_MS,
  deadRow,
  isPoison,
  keeps,
  lateRow,
  mapped,
  type PipelineSpec,
  POISON,
  REST,
  type Row,
  recordOf,
  regroup,
  rotated,
  type SimRecord,
  type SinkKind,
  type SourceSpec,
  splitSpec,
  type Topology,
  tapRow,
  WINDOW_MS,
  windowOf,
} from './topology.js';
import type { World } from './world.js';

/** What a simulation puts into the job, and where faults get at user code. */
export interface JobHooks {
  readonly world: World;
  sink(id: string, kind: Exclude<SinkKind, 'collect'>): Sink<Row>;
  /** Called with every record of a pipeline; may throw. */
  record(pipeline: number): void;
  /** Called before each batch; may throw. */
  poll(pipeline: number): void;
  /** What rests until all has come out has done so long enough. */
  isLetGoOn(): boolean;
  /** What has come to pass, to be counted. */
  on(occasion: Occasion): void;
  /** Where a reader really begins, told where it should. */
  seek(position: number): number;
}

/** How often a split that rests looks whether it may go on, in virtual ms. */
const LOOK_MS = 40;

export function simJob(topology: Topology, hooks: JobHooks): JobDefinition {
  return defineJob('simulated', (env) => {
    env.codecs(coin);
    topology.pipelines.forEach((pipeline, index) => void drawGraph(env, pipeline, index, hooks));
  });
}

function drawGraph(
  env: StreamEnvironment,
  pipeline: PipelineSpec,
  index: number,
  hooks: JobHooks,
): void {
  const name = (part: string) => `p${index}-${part}`;
  const width = <S extends DataStream<unknown>>(step: S): S =>
    pipeline.narrow ? step.parallelism(1) : step;
  const slowly = (row: Row): Row => {
    hooks.world.spend(pipeline.workMs);
    return row;
  };
  const end = (rows: DataStream<Row>, part: string, kind: SinkKind): void => {
    const id = sinkId(index, part);
    const stream = pipeline.workMs === 0 ? rows : width(rows.map(slowly));
    const sink = kind === 'collect' ? stream.collect(id) : stream.sinkTo(hooks.sink(id, kind));
    sink.uid(id);
    if (pipeline.singleSink) sink.parallelism(1);
  };
  const [first, ...others] = pipeline.sources.map((spec, s) => {
    const source = env.from(simSource(pipeline, spec, index, s, hooks)).uid(name(`source${s}`));
    if (spec.single) source.parallelism(1);
    const timed = source
      .withTimestamps((record) => record.t, {
        outOfOrdernessMs: DISORDER_MS,
        idleAfterMs: spec.idleAfterMs,
        maxDriftMs: spec.maxDriftMs,
      })
      .uid(name(`time${s}`));
    return spec.single ? timed.parallelism(1) : timed;
  });
  const branch = branchOf(pipeline);
  if (branch !== 'none') {
    const [second, ...more] = others;
    const right = more.length === 0 ? second! : second!.union(...more);
    end(width(branchRows(branch, first!, right).uid(name('beside'))), 'branch', 'staged');
  }
  const aside = asideOf(pipeline);
  if (aside !== undefined) {
    end(width(asideRows(aside, first!, name('alone'))), 'aside', 'staged');
  }
  let stream = join(pipeline, first!, others, (both) => width(both.uid(name('joint'))));
  stream = width(
    stream
      .map((record) => {
        hooks.record(index);
        return record;
      })
      .uid(name('probe')),
  );
  const calls = callsOf(pipeline);
  if (calls !== 'none') {
    const { world } = hooks;
    const options = {
      capacity: 3,
      ordered: calls === 'ordered',
      timeoutMs: CALL_MS,
      retry: fixedDelay({ attempts: 100, delayMs: 5 }),
    };
    stream = width(
      stream.mapAsync((record) => answered(record, world), options).uid(name('calls')),
    );
  }
  for (const step of pipeline.steps) {
    if (step === 'map') stream = width(stream.map(mapped));
    else if (step === 'filter') stream = width(stream.filter(keeps));
    else if (step === 'flatMap') stream = width(stream.flatMap(copies));
    else stream = stream.rebalance();
  }
  if (pipeline.poisoned === 'map' || pipeline.poisoned === 'flatMap') {
    const tested =
      pipeline.poisoned === 'map' ? stream.map(tasted) : stream.flatMap(partlyAnswered);
    const guarded = width(tested.uid(name('tested')).onError({ sideOutput: 'dead' }));
    endDead(guarded.sideOutput<DeadLetter<SimRecord>>('dead'), width, end, hooks);
    stream = guarded;
  }
  if (pipeline.tap !== undefined) end(width(stream.map(tapRow)), 'tap', pipeline.tap);
  const rows =
    pipeline.keyed === 'none'
      ? width(stream.map(tapRow))
      : keyedRows(stream, pipeline, name, end, hooks);
  pipeline.sinks.forEach((kind, at) => {
    end(rows, `sink${at}`, kind);
  });
}

/** How long a call may take, in virtual ms. */
const CALL_MS = 60;

/** By chance and the world's clock: at once, later, never, or not at all. */
function answered(record: SimRecord, world: World): Promise<SimRecord> {
  const dice = world.random.next();
  if (dice < 0.1) return Promise.resolve({ ...record });
  return new Promise((resolve, reject) => {
    if (dice < 0.13) return;
    const settle = () => (dice < 0.2 ? reject(new Error('no answer')) : resolve({ ...record }));
    setTimeout(settle, world.between(1, 40));
  });
}

/** Each side makes something else of a record, by the side alone: a record on the wrong one shows. */
function join(
  pipeline: PipelineSpec,
  first: DataStream<SimRecord>,
  [second, ...others]: readonly DataStream<SimRecord>[],
  labelled: (joint: DataStream<SimRecord>) => DataStream<SimRecord>,
): DataStream<SimRecord> {
  if (second === undefined) return first;
  if (pipeline.joint === 'union') return first.union(second, ...others);
  const rest = others.length === 0 ? second : second.union(...others);
  const key = ({ k }: SimRecord) => k;
  const sides = {
    onLeft(record: SimRecord, _ctx: unknown, out: Output<SimRecord>) {
      out.emit(record);
    },
    onRight(record: SimRecord, _ctx: unknown, out: Output<SimRecord>) {
      for (const copy of copies(record)) out.emit(copy);
    },
  };
  return labelled(
    pipeline.joint === 'connect'
      ? first.connect(rest).process(sides)
      : first.keyBy(key).connect(rest.keyBy(key)).process(sides),
  );
}

function tasted(record: SimRecord): SimRecord {
  if (isPoison(record)) throw new Error(POISON);
  return record;
}

/** What it has given before it throws must not get out. */
function* partlyAnswered(record: SimRecord): Iterable<SimRecord> {
  yield record;
  if (isPoison(record)) throw new Error(POISON);
}

function endDead(
  letters: DataStream<DeadLetter<SimRecord>>,
  width: <S extends DataStream<unknown>>(step: S) => S,
  end: (stream: DataStream<Row>, part: string, kind: SinkKind) => void,
  hooks: JobHooks,
): void {
  const rows = letters.map(({ record, error }) => {
    hooks.on('dead letters');
    return deadRow(record!, error.message);
  });
  end(width(rows), 'dead', 'staged');
}

function keyedRows(
  stream: DataStream<SimRecord>,
  pipeline: PipelineSpec,
  name: (part: string) => string,
  end: (stream: DataStream<Row>, part: string, kind: SinkKind) => void,
  hooks: JobHooks,
): DataStream<Row> {
  const width = <S extends DataStream<unknown>>(step: S): S =>
    pipeline.narrow ? step.parallelism(1) : step;
  const labelled = <S extends DataStream<unknown>>(step: S, part: string): S =>
    width(step.uid(name(part)));
  const keyed = stream.keyBy(({ k }) => k);
  switch (pipeline.keyed) {
    case 'reduce': {
      if (pipeline.poisoned === 'reduce') return guardedRows(keyed, width, labelled, end, hooks);
      const counted = width(keyed.map(({ k, v, n, x }) => ({ k, count: 1, v, n, x })));
      // With the value of the record that came last: state is of all kinds, too.
      const reduced = counted
        .keyBy(({ k }) => k)
        .reduce((a, b) => ({ ...b, count: a.count + b.count, v: a.v + b.v }));
      return width(
        labelled(reduced, 'keyed').map(({ k, count, v, n, x }) => {
          return { g: k, r: `${count}:${v}${wrong(x, n)}` };
        }),
      );
    }
    case 'twice': {
      const once = labelled(keyed.aggregate({ n: count() }), 'keyed');
      if (pipeline.changing) {
        const again = once
          .toChangelog()
          .filter(({ n }) => n % 5 !== 0)
          .keyBy(({ key, n }) => rotated(key, n))
          .aggregate({ rows: count(), n: sum(({ n }) => n), least: min(({ n }) => n) })
          .uid(name('again'));
        if (pipeline.narrow) again.parallelism(1);
        return width(
          again.asRecords().map(({ key, change, rows, n, least }) => {
            hooks.on('retractions');
            return { g: key, r: `${change} ${rows}:${n}:${least}` };
          }),
        );
      }
      const twice = once.keyBy(({ key }) => regroup(key)).aggregate({ n: count() });
      return width(labelled(twice, 'again').map(({ key, n }) => ({ g: key, r: `${n}` })));
    }
    case 'window': {
      if (pipeline.byTimers) return width(labelled(windowsByTimers(keyed, hooks), 'keyed'));
      if (pipeline.gapMs > 0) {
        const sessions = keyed
          .window(session({ gapMs: pipeline.gapMs }))
          .aggregate({ n: count(), v: sum(({ v }: SimRecord) => v) });
        const toRow = ({ key, windowStart, windowEnd, n, v }: RecordOf<typeof sessions>): Row => {
          return { g: key, r: `${windowStart}–${windowEnd}:${n}:${v}` };
        };
        return width(labelled(sessions, 'keyed').map(toRow));
      }
      const { slideMs } = pipeline;
      const whole = keyed.window(
        slideMs > 0 ? sliding({ sizeMs: WINDOW_MS, slideMs }) : tumbling(WINDOW_MS),
      );
      const windows = (pipeline.keyCount % 2 === 0 ? whole.preAggregate() : whole).aggregate({
        n: count(),
        v: sum(({ v }: SimRecord) => v),
      });
      const row = ({ key, windowStart, n, v }: RecordOf<typeof windows>): Row => {
        return { g: key, r: `${windowStart}:${n}:${v}` };
      };
      return width(labelled(windows, 'keyed').map(row));
    }
    case 'late': {
      const windows = labelled(
        keyed
          .window(tumbling(WINDOW_MS))
          .allowedLateness(pipeline.latenessMs)
          .sideOutputLate('late')
          .aggregate({ n: count() }),
        'keyed',
      );
      end(width(windows.sideOutput<SimRecord>('late').map(lateRow)), 'late', 'staged');
      return width(
        windows.map(({ key, windowStart, n }) => ({ g: key, r: `${windowStart}:${n}` })),
      );
    }
    default: {
      const rows = keyed.aggregate({ n: count(), v: sum(({ v }: SimRecord) => v) });
      return width(labelled(rows, 'keyed').map(({ key, n, v }) => ({ g: key, r: `${n}:${v}` })));
    }
  }
}

/** The same rows as those of a window, by a process function. */
function windowsByTimers(keyed: KeyedStream<SimRecord, string>, hooks: JobHooks): DataStream<Row> {
  return keyed.process({
    state: { counts: map<number, number>(), sums: map<number, number>() },
    onElement({ v }, { timestamp, state: { counts, sums }, timers }) {
      const start = windowOf(timestamp);
      counts.set(start, (counts.get(start) ?? 0) + 1);
      sums.set(start, (sums.get(start) ?? 0) + v);
      timers.eventTime(start + WINDOW_MS - 1);
    },
    onTimer(time, { key, state: { counts, sums } }, out: Output<Row>) {
      hooks.on('timers');
      const start = windowOf(time);
      out.emit({ g: key, r: `${start}:${counts.get(start)}:${sums.get(start)}` });
      counts.delete(start);
      sums.delete(start);
    },
  });
}

/** A record that is put aside has spoilt the state before: that is undone. */
function guardedRows(
  keyed: KeyedStream<SimRecord, string>,
  width: <S extends DataStream<unknown>>(step: S) => S,
  labelled: <S extends DataStream<unknown>>(step: S, part: string) => S,
  end: (stream: DataStream<Row>, part: string, kind: SinkKind) => void,
  hooks: JobHooks,
): DataStream<Row> {
  const counted = width(keyed.map((record) => ({ ...record, count: 1 })));
  const reduced = counted
    .keyBy(({ k }) => k)
    .reduce((a, b) => {
      if (isPoison(b)) {
        (a as { count: number }).count += 1_000;
        throw new Error(POISON);
      }
      return { ...b, count: a.count + b.count, v: a.v + b.v };
    });
  const guarded = labelled(reduced, 'keyed').onError({ sideOutput: 'dead' });
  endDead(guarded.sideOutput<DeadLetter<SimRecord>>('dead'), width, end, hooks);
  return width(
    guarded.map(({ k, count, v, n, x }) => ({ g: k, r: `${count}:${v}${wrong(x, n)}` })),
  );
}

function simSource(
  pipeline: PipelineSpec,
  spec: SourceSpec,
  index: number,
  s: number,
  hooks: JobHooks,
): Source<SimRecord> {
  const { world } = hooks;
  const rest = () =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, world.between(1, spec.paceMs));
    });
  return {
    kind: 'simSource',
    splits: async () => {
      await rest();
      return Array.from({ length: spec.splits }, (_, p) => {
        const { bounded } = splitSpec(spec, p);
        return { id: `split ${p}`, p, bounded };
      });
    },
    open: async (split, position) => {
      if (world.random.next() < 0.3) await rest();
      const p = split['p'] as number;
      let next = position === undefined ? 0 : hooks.seek(position as number);
      let start = next;
      let closed = false;
      const own = splitSpec(spec, p);
      const isResting = () => {
        if (own.rest === undefined || next < own.rest.before || closed) return false;
        const { untilMs } = own.rest;
        return untilMs === REST ? !hooks.isLetGoOn() : world.nowMs < untilMs;
      };
      const read = ():
        | SourceBatch<SimRecord>
        | undefined
        | Promise<SourceBatch<SimRecord> | undefined> => {
        if (isResting()) return lookAgain().then(read);
        hooks.poll(index);
        start = next;
        if (own.records === 0) hooks.on('splits that never spoke');
        if (next >= own.records) return undefined;
        const size = Math.min(
          (own.rest !== undefined && next < own.rest.before ? own.rest.before : own.records) - next,
          1 + Math.floor(world.random.next() * spec.batch),
        );
        next += size;
        const records = Array.from({ length: size }, (_, at) =>
          recordOf(pipeline, index, s, p, start + at),
        );
        return { records };
      };
      return {
        poll: () => (world.random.next() < 0.2 ? read() : rest().then(read)),
        position: (taken) => start + taken,
        describe: (at) => `split ${p}, record ${start + at}`,
        close: () => {
          closed = true;
        },
      };
    },
  };
}

const lookAgain = () =>
  new Promise<void>((resolve) => {
    setTimeout(resolve, LOOK_MS);
  });
