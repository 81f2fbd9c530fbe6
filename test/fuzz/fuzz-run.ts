/**
 * Runs of a drawn job: in the calling thread (`runInline`), and on simulated threads, disk and time
 * (test/sim/world.ts) with kills and changes of parallelism. Everything between source and sink is real.
 */

import { seededRandom } from '../../src/base/random.js';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import type { ProcessIdentity } from '../../src/checkpoint/directory/process-identity.js';
import type { RunningJob } from '../../src/job/job.js';
import type { JobResult, Logger } from '../../src/job/job-types.js';
import { resolveOptions } from '../../src/job/options.js';
import { runInline } from '../../src/job/run-inline.js';
import { launchJob } from '../../src/job/run-job.js';
import type { JobDefinition } from '../../src/stream/api/job-definition.js';
import { exponentialBackoff } from '../../src/supervisor/restart-strategy.js';
import { SimDisk } from '../sim/sim-disk.js';
import { SimThread } from '../sim/sim-thread.js';
import { Trace } from '../sim/trace.js';
import { type Domain, World } from '../sim/world.js';
import { fuzzJob } from './fuzz-job.js';
import type { FuzzJob, FuzzRun } from './job-spec.js';
import type { Answer } from './shape.js';

const CHECKPOINTS = '/fuzz/checkpoints';
/** A run takes some thousand; this one does not come to its end. */
const EVENTS_MAX = 400_000;
const HEARTBEAT_MS = 100;
const LOOK_MS = 0.05;
const say = () => {};
const silent: Logger = { debug: say, info: say, warn: say, error: say };

export async function answerInline(job: FuzzJob): Promise<Answer> {
  const { collected } = await runInline(fuzzJob(job, { rest: () => undefined }), {
    logger: silent,
  });
  return job.shape.answer(collected);
}

/** @throws what ends the job, or an Error when it does not end */
export async function answerSimulated(job: FuzzJob, run: FuzzRun): Promise<Answer> {
  return await new SimulatedRun(job, run).answer();
}

class SimulatedRun {
  readonly #job: FuzzJob;
  readonly #run: FuzzRun;
  readonly #world: World;
  readonly #disk: SimDisk;
  readonly #guard: Domain;
  readonly #definition: JobDefinition;
  #life = 0;
  #main: Domain;
  #running: RunningJob | undefined;
  #threads: SimThread[] = [];
  #result: JobResult | undefined;
  #error: unknown;
  #isOver = false;

  constructor(job: FuzzJob, run: FuzzRun) {
    this.#job = job;
    this.#run = run;
    this.#world = new World(seededRandom(run.seed), new Trace());
    this.#disk = new SimDisk(this.#world);
    this.#guard = this.#world.domain('guard');
    this.#main = this.#guard;
    this.#definition = fuzzJob(job, { rest: () => this.#rest() });
  }

  async answer(): Promise<Answer> {
    const world = this.#world;
    world.onStep = () => {
      for (const thread of this.#threads) thread.poll();
    };
    world.onUncaught = (_, error) => this.#end(error);
    const rejected = (error: unknown) => this.#end(error);
    process.on('unhandledRejection', rejected);
    world.after(this.#guard, 0, () => this.#start());
    for (const atMs of this.#run.crashesAtMs) {
      world.at(this.#guard, atMs, () => this.#crash());
    }
    try {
      const ended = await world.run(() => this.#isOver, EVENTS_MAX);
      if (!ended) throw new Error(`the job has not ended after ${world.events} events`);
    } finally {
      process.off('unhandledRejection', rejected);
    }
    if (this.#result === undefined) throw this.#error;
    return this.#job.shape.answer(this.#result.collected);
  }

  #rest(): Promise<void> | undefined {
    const world = this.#world;
    if (world.random.next() < 0.3) return undefined;
    return new Promise((resolve) => {
      setTimeout(resolve, world.between(1, this.#run.paceMs));
    });
  }

  #start(): void {
    const { parallelism, ends } = this.#run;
    const life = this.#life;
    this.#life += 1;
    this.#main = this.#world.domain(`process-${life}`);
    this.#threads = [];
    this.#running = undefined;
    this.#world.after(this.#main, 0, () => this.#launch(parallelism[life]!));
    const end = ends[life];
    if (end === undefined) return;
    this.#world.after(this.#guard, end.atMs, () => {
      if (this.#isOver) return;
      if (end.how === 'stop' && this.#running !== undefined) {
        const { stop } = this.#running;
        void stop.call(this.#running).catch(() => {});
      } else if (this.#running?.status !== 'finishing' && this.#running?.status !== 'finished') {
        // Whoever was killed behind its last checkpoint has told its result, or its guardian would.
        this.#kill();
      }
    });
  }

  #kill(): void {
    this.#main.alive = false;
    for (const thread of this.#threads) thread.domain.alive = false;
    this.#world.after(this.#guard, 20, () => this.#start());
  }

  /** A thread that dies before the job runs ends the start, as it should: so it dies later. */
  #crash(): void {
    if (this.#running === undefined) {
      this.#world.after(this.#guard, 10, () => this.#crash());
      return;
    }
    const living = this.#threads.filter((thread) => thread.domain.alive && !thread.dead);
    living[Math.floor(this.#world.random.next() * living.length)]?.crash('ended by itself');
  }

  #launch(parallelism: number): void {
    const { alignment, intervalMs, capacityBytes } = this.#run;
    const pid = this.#life;
    const own: ProcessIdentity = { pid, host: 'fuzz', started: `${pid}`, pidNamespace: 'fuzz' };
    const store = new DirectoryStore(CHECKPOINTS, {
      files: this.#disk.view(),
      processes: {
        own: async () => own,
        livenessOf: async (owner) => (owner.pid === pid ? 'alive' : 'dead'),
      },
    });
    const options = resolveOptions({
      logger: silent,
      parallelism,
      keyGroups: 32,
      checkpoint: { store, intervalMs, alignment, incremental: pid % 2 === 0 },
      restart: exponentialBackoff({ initialMs: 5, maxMs: 50 }),
      spares: 0,
      heartbeat: { intervalMs: HEARTBEAT_MS, timeoutMs: 1_000 },
      channel: { capacityBytes, bufferTimeoutMs: 1 },
    });
    const main = this.#main;
    const ended = (result: JobResult) => {
      if (result.status === 'stopped') {
        for (const thread of this.#threads) thread.domain.alive = false;
        this.#world.after(this.#guard, 5, () => this.#start());
      } else {
        this.#result = result;
        this.#isOver = true;
      }
    };
    launchJob(
      options,
      (name, callbacks) => {
        const thread = new SimThread({
          world: this.#world,
          main,
          name,
          threadId: this.#threads.length + 1,
          definition: this.#definition,
          heartbeatMs: HEARTBEAT_MS,
          lookMs: LOOK_MS,
          callbacks,
          onArguments: (_, args) => args,
          onCall: () => {},
          onEvent: (_, event) => event,
          onDelivery: (event) => event,
          onEndOrdered: () => {},
        });
        this.#threads.push(thread);
        return thread;
      },
      (failure) => failure,
    ).then(
      (job) => {
        this.#running = job;
        return job.finished.then(ended, (error) => this.#end(error));
      },
      (error) => this.#end(error),
    );
  }

  #end(error: unknown): void {
    this.#error = error;
    this.#isOver = true;
  }
}
