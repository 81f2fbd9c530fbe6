/**
 * Every cause of a death in every phase of a thread's life.
 *
 * In each cell a thread of a keyed job dies on the spot, planted there by the job itself
 * (fixtures/doomed.job.ts), so that it is in that phase for certain: the phase that its control block
 * named at that moment is looked at, too. The death is seen once, with its cause as data; the restart
 * is the right one; and the rows are those of a run without faults.
 *
 * Cells that there cannot be:
 *  - `terminate` before `run` has returned (starting): there is no job yet to call `kill` on.
 *  - `hang` while the module loads: a thread is judged hung only when it is loaded (slots.ts, S3); until
 *    then a deadline of a minute stands in, longer than a test may take.
 */

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { failureToError } from '../../dist/base/failure.js';
import {
  type CheckpointStore,
  type Failure,
  fixedDelay,
  HoldfastError,
  type Job,
  type JobStatus,
  MemoryStore,
  type RestartedEvent,
} from '../../dist/index.js';
import { type Phase, phases } from '../../dist/threads/control-block.js';
import {
  type Cause,
  causes,
  EXIT_CODE,
  LOAD_ORDER,
  Orders,
  type Place,
  type Word,
} from './fixtures/doomed.job.js';
import { fixture, Meter, runningAgain, temporaryFolder, totalsProblems, until } from './kit.js';
import { run } from './run-compiled.js';

/** Enough that every phase has records behind it and ahead of it; more would say nothing more. */
const COUNT = 600;
const HALF = COUNT / 2;
const HEAP_LIMIT_MB = 24;
const HOUR_MS = 3_600_000;
/** The slot that it happens on, and so the instance of every operator. */
const DOOMED = 1;
const SURVIVOR = 0;

type Part = Parameters<CheckpointStore['writePart']>[0];

/** Lets a test do something while a part is being written. */
class PausingStore extends MemoryStore {
  during: ((part: Part) => Promise<void>) | undefined;

  override async writePart(part: Part) {
    await this.during?.(part);
    return await super.writePart(part);
  }
}

/** What is expected of the threads after a failure. */
interface Replaced {
  /** That failed first. */
  readonly slot: number;
  readonly respawned: readonly number[];
  /** Slots that were told to have lost their thread. */
  readonly lost: readonly number[];
  /** How many threads each slot was given after its first. */
  readonly threads: readonly number[];
}

/** A cell of the matrix: what was set up, and all that was told of it. */
class Cell {
  readonly cause: Cause;
  /** Long, so that no survivor is ended because the machine is busy. */
  resetTimeoutMs = 30_000;
  readonly meter = new Meter(0);
  readonly store = new PausingStore();
  readonly failures: Failure[] = [];
  readonly restarts: RestartedEvent[] = [];
  /** Slots that lost their thread, in order. */
  readonly lost: number[] = [];
  readonly #orders = new Orders();
  #job: Job | undefined;

  constructor(cause: Cause) {
    this.cause = cause;
  }

  get job(): Job {
    return this.#job!;
  }

  async start(store: CheckpointStore = this.store): Promise<Job> {
    const { cause } = this;
    const job = await run(fixture('doomed'), {
      parallelism: 2,
      spares: 0,
      args: {
        words: this.#orders.shared,
        meter: this.meter.shared,
        count: COUNT,
        splits: 2,
      },
      checkpoint: { store, intervalMs: HOUR_MS },
      restart: fixedDelay({ attempts: 2, delayMs: 0, resetTimeoutMs: this.resetTimeoutMs }),
      // No death but a hang may be taken for one.
      heartbeat:
        cause === 'hang'
          ? { intervalMs: 25, timeoutMs: 400 }
          : { intervalMs: 100, timeoutMs: 30_000 },
      slot:
        cause === 'out-of-memory'
          ? { resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB } }
          : {},
      // Tells of failures before there is a job to listen to, too.
      logger: {
        debug() {},
        info() {},
        error() {},
        warn: (data) => void this.failures.push((data as { failure: Failure }).failure),
      },
    });
    this.#job = job;
    job.on('restarted', (event) => this.restarts.push(event));
    job.on('slot', ({ slot, verdict }) => {
      if (verdict === 'dead') this.lost.push(slot);
    });
    return job;
  }

  /** Starts the job, and has a checkpoint behind it and records after it. */
  async startAndRun(): Promise<Job> {
    const job = await this.start();
    this.meter.raise(HALF / 2);
    await this.allOut(HALF / 2);
    await job.checkpointNow();
    this.meter.raise(HALF);
    await this.allOut(HALF);
    return job;
  }

  /** So many records have come to the sinks, in this epoch and before. */
  async allOut(records: number): Promise<void> {
    await until(() => this.job.progress().sinkRecords >= records, this.job);
  }

  arm(place: Place): void {
    this.#orders.give(place, DOOMED, this.cause);
  }

  word(name: Word): number {
    return this.#orders.read(name);
  }

  release(): void {
    this.#orders.release();
  }

  /** The doomed thread has come to the place: killed there, if that is the cause. */
  async reached(): Promise<void> {
    await until(() => this.word('reached') === 1, this.job);
    if (this.cause === 'terminate') this.job.kill(DOOMED, 'terminate');
  }

  /** Goes on to the end, which is that of a run without faults. */
  async finish(): Promise<void> {
    this.meter.raise(COUNT);
    const result = await this.job.finished;
    expect(result).toMatchObject({ status: 'finished', restarts: 1, sourceRecords: COUNT });
    expectTotals(result.collected['totals']);
  }

  /** Seen once: this is the only failure, or the one after another. */
  expectDeath(
    phase: Phase,
    thrown: Partial<Failure>,
    after: readonly Partial<Failure>[] = [],
  ): void {
    const expected = this.cause === 'exception' ? thrown : deaths[this.cause];
    expect(this.failures).toMatchObject([...after, { slot: DOOMED, ...expected }]);
    expect(phases[this.word('phase')]).toBe(phase);
    if (this.cause === 'hang') expect(this.failures.at(-1)?.message).toContain(`(phase ${phase})`);
  }

  /** One restart, for the first failure, and only threads that died were replaced. */
  expectRestart(
    cause: string,
    checkpoint: number | undefined,
    given: Partial<Replaced> = {},
  ): void {
    const { slot = DOOMED, respawned = this.cause === 'exception' ? [] : [DOOMED] } = given;
    const { lost = respawned, threads = [0, 1].map((one) => Number(respawned.includes(one))) } =
      given;
    expect(this.restarts).toHaveLength(1);
    expect(this.restarts[0]).toMatchObject({ cause, checkpoint, slot, respawned });
    expect(this.restarts[0]?.failure).toEqual(this.failures[0]);
    expect(this.lost).toEqual(lost);
    expect(this.job.slots().map(({ restarts }) => restarts)).toEqual(threads);
  }

  /** What `restarted` names as the cause. */
  causeOr(thrown: Partial<Failure>): string {
    if (this.cause === 'terminate') return 'terminate';
    return String((this.cause === 'exception' ? thrown : deaths[this.cause]).kind);
  }
}

/** What each cause of a thread's death leaves as data. */
const deaths: Readonly<Record<Exclude<Cause, 'exception'>, Partial<Failure>>> = {
  terminate: {
    kind: 'thread-exit',
    code: 'ERR_HOLDFAST_WORKER_DIED',
    message: expect.stringMatching(/^thread 'holdfast-slot-[01]' was ended/),
  },
  throw: {
    kind: 'thread-error',
    name: 'MortalError',
    code: 'E_MORTAL',
    message: 'nobody caught this',
    exitCode: 1,
    cause: expect.objectContaining({ name: 'TypeError', message: 'the root of it' }),
  },
  rejection: {
    kind: 'thread-error',
    name: 'MortalError',
    code: 'E_MORTAL',
    message: 'nobody handled this',
    exitCode: 1,
  },
  exit: {
    kind: 'thread-exit',
    code: 'ERR_HOLDFAST_WORKER_DIED',
    message: expect.stringMatching(new RegExp(`exit code ${EXIT_CODE}: .*process.exit`)),
    exitCode: EXIT_CODE,
  },
  hang: {
    kind: 'hung',
    code: 'ERR_HOLDFAST_WORKER_HUNG',
    message: expect.stringContaining('heartbeat.timeoutMs (now 400;'),
  },
  'out-of-memory': {
    kind: 'out-of-memory',
    code: 'ERR_HOLDFAST_WORKER_OUT_OF_MEMORY',
    message: expect.stringContaining(`heap limit of ${HEAP_LIMIT_MB} MB`),
    cause: expect.objectContaining({ code: 'ERR_WORKER_OUT_OF_MEMORY' }),
  },
};

/** What user code throws fails the task, where it stood, and not the thread. */
const thrown = (where: Partial<Failure>): Partial<Failure> => ({
  name: 'MortalError',
  code: 'E_MORTAL',
  message: 'user code threw this',
  instance: DOOMED,
  ...where,
});

function expectTotals(rows: readonly unknown[] | undefined): void {
  expect(totalsProblems(rows ?? [], COUNT)).toEqual([]);
}

async function failureOf(ending: Promise<unknown>): Promise<HoldfastError> {
  const error = await ending.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HoldfastError);
  return error as HoldfastError;
}

afterEach(() => {
  delete process.env[LOAD_ORDER];
});

function except<C extends Cause>(...left: readonly C[]): readonly Exclude<Cause, C>[] {
  return causes.filter((cause): cause is Exclude<Cause, C> => !left.includes(cause as C));
}

/** The next thread to load the module dies of it. @returns whether one has come to that */
async function orderOnLoad(cause: Cause): Promise<() => boolean> {
  const file = join(await temporaryFolder(), 'order');
  await writeFile(file, cause);
  process.env[LOAD_ORDER] = file;
  return () => !existsSync(file);
}

/** A thread that dies before it is loaded: what it died of is the cause. */
function expectLoadFailure(error: HoldfastError, cause: Exclude<Cause, 'exception'>): void {
  const { kind, exitCode, ...death } = deaths[cause];
  expect(error.code).toBe('ERR_HOLDFAST_WORKER_DIED');
  expect(death.code === error.code ? error : error.cause).toMatchObject(death);
}

describe('starting, while the module loads: the job does not start, and says why', () => {
  test.each(except('terminate', 'hang', 'exception'))('%s', async (cause) => {
    const cell = new Cell(cause);
    await orderOnLoad(cause);
    expectLoadFailure(await failureOf(cell.start()), cause);
    // It is no failure of the job, which was not there yet.
    expect(cell.failures).toEqual([]);
  });

  test('exception', async () => {
    const cell = new Cell('exception');
    await orderOnLoad('exception');
    const error = await failureOf(cell.start());
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_JOB_MODULE', cause: { code: 'E_MORTAL' } });
    expect(error.message).toContain('MortalError: user code threw this');
  });
});

describe('starting, while tasks are made for the first time: they are made again', () => {
  test.each(except('terminate', 'exception'))('%s', async (cause) => {
    const cell = new Cell(cause);
    cell.arm('open');
    await cell.start();
    await cell.finish();
    cell.expectDeath('restoring', {});
    // The slot was lost before there was a job to listen to.
    cell.expectRestart(cell.causeOr({}), undefined, { lost: [] });
  });

  test('exception: it would be thrown again, and ends the job', async () => {
    const cell = new Cell('exception');
    cell.arm('open');
    const error = await failureOf(cell.start());
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_SINK', cause: { code: 'E_MORTAL' } });
    expect(error.message).toContain("sink 'out' could not be opened: user code threw this");
  });
});

test.each(causes)('running: %s', async (cause) => {
  const cell = new Cell(cause);
  const job = await cell.startAndRun();
  const again = runningAgain(job);
  cell.arm('record');
  cell.meter.raise(HALF + HALF / 2);
  await cell.reached();
  await again;
  await cell.finish();
  const failure = thrown({ kind: 'user-code', operator: 'doom' });
  cell.expectDeath('running', failure);
  cell.expectRestart(cell.causeOr(failure), 1);
});

test.each(causes)('aligning a barrier: %s', async (cause) => {
  const cell = new Cell(cause);
  const job = await cell.startAndRun();
  const again = runningAgain(job);
  // Not before its tasks are off duty: the alignment lasts until then.
  job.on('failure', () => cell.release());
  cell.arm('align');
  cell.meter.raise(HALF + HALF / 2);
  await until(() => cell.word('held') === 1, job);
  const checkpoint = failureOf(job.checkpointNow());
  await cell.reached();
  expect((await checkpoint).code).toMatch(/CHECKPOINT/);
  await again;
  await cell.finish();
  const failure = thrown({ kind: 'user-code', operator: 'doom' });
  cell.expectDeath('aligning', failure);
  cell.expectRestart(cell.causeOr(failure), 1);
});

test.each(causes)('capturing: %s', async (cause) => {
  const cell = new Cell(cause);
  const job = await cell.startAndRun();
  const again = runningAgain(job);
  cell.arm('prepare');
  const checkpoint = failureOf(job.checkpointNow());
  await cell.reached();
  expect((await checkpoint).code).toMatch(/CHECKPOINT/);
  await again;
  await cell.finish();
  const failure = thrown({ kind: 'sink', operator: 'out' });
  cell.expectDeath('capturing', failure);
  cell.expectRestart(cell.causeOr(failure), 1);
});

/** The part is written by the main thread; what dies meanwhile is the thread that it came from. */
test.each(causes)('writing the snapshot: %s', async (cause) => {
  const cell = new Cell(cause);
  const job = await cell.startAndRun();
  const again = runningAgain(job);
  const failed = new Promise<void>((resolve) => job.once('failure', () => resolve()));
  let written = 0;
  cell.store.during = async ({ instance }) => {
    if (instance !== DOOMED || written > 0) return;
    written += 1;
    cell.arm('poll');
    // The part is written after the death of the thread that it came from: it counts for nothing.
    await failed;
  };
  const checkpoint = failureOf(job.checkpointNow());
  await cell.reached();
  expect((await checkpoint).code).toMatch(/CHECKPOINT/);
  await again;
  await cell.finish();
  const failure = thrown({ kind: 'source', operator: 'numbers' });
  cell.expectDeath('running', failure);
  cell.expectRestart(cell.causeOr(failure), 1);
  expect(written).toBe(1);
});

describe('restoring, after another failure: one restart in the end, for the first of them', () => {
  test.each(causes)('%s, while tasks are made', async (cause) => {
    const cell = new Cell(cause);
    const job = await cell.startAndRun();
    const again = runningAgain(job);
    cell.arm('open');
    job.kill(SURVIVOR, 'terminate');
    await cell.reached();
    await again;
    await cell.finish();
    const opening: Partial<Failure> = {
      kind: 'sink',
      code: 'ERR_HOLDFAST_SINK',
      message: "sink 'out' could not be opened: user code threw this",
      cause: expect.objectContaining({ name: 'MortalError', code: 'E_MORTAL' }),
    };
    const first = { ...deaths.terminate, slot: SURVIVOR };
    cell.expectDeath('restoring', opening, [first]);
    const respawned = cause === 'exception' ? [SURVIVOR] : [SURVIVOR, DOOMED];
    cell.expectRestart('terminate', 1, { slot: SURVIVOR, respawned });
  });

  test.each(except('hang', 'exception'))('%s, while the new thread loads', async (cause) => {
    const cell = new Cell(cause);
    const job = await cell.startAndRun();
    const again = runningAgain(job);
    const taken = await orderOnLoad(cause);
    job.kill(DOOMED, 'terminate');
    await until(taken, job);
    if (cause === 'terminate') job.kill(DOOMED, 'terminate');
    await again;
    await cell.finish();
    expect(cell.failures).toHaveLength(2);
    expect(cell.failures[0]).toMatchObject(deaths.terminate);
    const error = failureToError(cell.failures[1]!);
    expect(cell.failures[1]).toMatchObject({ kind: 'thread-exit', slot: DOOMED });
    expectLoadFailure(error, cause);
    cell.expectRestart('terminate', 1, { threads: [0, 2] });
  });

  test('exception, while the new thread loads: it would be thrown again, and ends the job', async () => {
    const cell = new Cell('exception');
    const job = await cell.startAndRun();
    await orderOnLoad('exception');
    job.kill(DOOMED, 'terminate');
    const error = await failureOf(job.finished);
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_JOB_MODULE', cause: { code: 'E_MORTAL' } });
  });
});

describe('stopping', () => {
  test.each(causes)('%s, in the last checkpoint: the job comes back, and stops', async (cause) => {
    const cell = new Cell(cause);
    const job = await cell.startAndRun();
    cell.arm('prepare');
    const stopped = job.stop();
    await cell.reached();
    expect(await stopped).toMatchObject({ status: 'stopped', restarts: 1 });
    const failure = thrown({ kind: 'sink', operator: 'out' });
    cell.expectDeath('capturing', failure);
    cell.expectRestart(cell.causeOr(failure), 1);
    await finishLater(cell);
  });

  test.each(causes)(
    '%s, when all is safe: nothing is undone, and no failure told',
    async (cause) => {
      const cell = new Cell(cause);
      // All that waits for it is the end of a thread that hangs: nothing can be lost by that any more.
      cell.resetTimeoutMs = 400;
      const job = await cell.startAndRun();
      cell.arm('close');
      const statuses: JobStatus[] = [];
      job.on('status', (status) => statuses.push(status));
      const stopped = job.stop();
      await cell.reached();
      expect(await stopped).toMatchObject({ status: 'stopped', restarts: 0, sourceRecords: HALF });
      expect(statuses).toEqual(['stopping', 'stopped']);
      expect(phases[cell.word('phase')]).toBe('stopping');
      expect(cell.failures).toEqual([]);
      await finishLater(cell);
    },
  );

  /** A later run goes on from what the stop left behind. */
  async function finishLater({ store }: Cell): Promise<void> {
    const next = new Cell('exit');
    next.meter.raise(COUNT);
    const result = await (await next.start(store)).finished;
    expect(result).toMatchObject({ status: 'finished', restarts: 0, sourceRecords: COUNT });
    expectTotals(result.collected['totals']);
  }
});
