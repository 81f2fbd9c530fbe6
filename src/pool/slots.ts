/**
 * The threads of a job: one per slot, and warm spares.
 *
 *  S1  A member is loaded (job module imported, graph built, hash compared) before it serves a slot.
 *  S2  A member's death or hang is reported once, to whom it serves. A spare's is no failure of the job.
 *  S3  Only a loaded member can be judged hung: importing a module may take its time (`LOAD_TIMEOUT_MS`).
 *  S4  Every thread that takes a slot gets a new incarnation number, never reused within the process.
 */

import { deferred } from '../base/deferred.js';
import { HoldfastError } from '../base/errors.js';
import { type Failure, failureToError } from '../base/failure.js';
import { inTime } from '../base/in-time.js';
import type { HostLink, HostSpawner } from '../host/host-link.js';
import type { HostControl, HostEvent, KillCause } from '../host/host-protocol.js';
import type { GraphData } from '../stream/graph/graph.js';
import type { TaskMetrics } from '../stream/task/task-types.js';
import { FaultDetector, type Verdict } from '../supervisor/fault-detector.js';
import type { HeapSample } from '../supervisor/heap-watch.js';
import type { Phase } from '../threads/control-block.js';
import { hangFailure } from './hang-failure.js';
import type { PoolOptions, SlotInfo } from './pool-types.js';

const LOAD_TIMEOUT_MS = 60_000;
/** After so many deaths while loading, spares are not replaced any more. */
const SPARE_DEATHS_MAX = 3;
/** After so many deaths of threads without tasks, these are not replaced any more either. */
const IDLE_DEATHS_MAX = 10;
/** Phases in which a thread's heap holds what its tasks need, and nothing more is being read into it. */
const WORKING: readonly Phase[] = ['running', 'aligning', 'capturing'];
const ANSWER_TIMEOUT_MS = 1_000;
/** The same for what nobody can ask for again. */
const LAST_ANSWER_TIMEOUT_MS = 30_000;

export interface SlotFailure {
  readonly slot: number;
  readonly failure: Failure;
  /** The kill that was ordered, if one was. */
  readonly ordered: string | undefined;
  /** Time from the order, or from the last sign of life of a hung thread, to now. 0 when not known. */
  readonly detectMs: number;
  /** A region that knows of this already, and is dealing with it. */
  readonly except?: number | undefined;
}

export interface SlotsOptions {
  readonly options: PoolOptions;
  readonly spawn: HostSpawner;
  readonly onEvent: (slot: number, event: HostEvent) => void;
  readonly onFailure: (failure: SlotFailure) => void;
  /** The slot got a thread, or lost it. */
  readonly onChange: (info: SlotInfo) => void;
  readonly onBeat: (beat: Omit<HeapSample, 'mayRestart'>) => void;
}

interface Member {
  readonly link: HostLink;
  readonly loaded: Promise<GraphData>;
  readonly detector: FaultDetector;
  readonly bornMs: number;
  isLoaded: boolean;
  slot: number | undefined;
  incarnation: number;
  lastBeatMs: number;
  heapUsedBytes: number;
  heapLimitBytes: number;
  verdict: Verdict;
  lastProgress: number;
  lastProgressMs: number;
  /** The death was ordered by us while resetting or ending: nobody needs to hear of it. */
  expected: boolean;
  order: { readonly cause: string; readonly atMs: number } | undefined;
}

export class Slots {
  readonly #options: PoolOptions;
  readonly #spawn: HostSpawner;
  readonly #onEvent: SlotsOptions['onEvent'];
  readonly #onFailure: SlotsOptions['onFailure'];
  readonly #onChange: SlotsOptions['onChange'];
  readonly #onBeat: SlotsOptions['onBeat'];
  readonly #members: (Member | undefined)[];
  readonly #restarts: number[];
  readonly #spares = new Set<Member>();
  #graph: GraphData | undefined;
  #incarnation = 0;
  #spareDeaths = 0;
  #idleDeaths = 0;
  #closed = false;
  #lastTickMs = performance.now();
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: SlotsOptions) {
    this.#options = options.options;
    this.#spawn = options.spawn;
    this.#onEvent = options.onEvent;
    this.#onFailure = options.onFailure;
    this.#onChange = options.onChange;
    this.#onBeat = options.onBeat;
    this.#members = new Array<Member | undefined>(this.#options.parallelism).fill(undefined);
    this.#restarts = new Array<number>(this.#options.parallelism).fill(-1);
  }

  /** Starts all threads. @returns the graph that all of them built */
  async open(): Promise<GraphData> {
    this.#assertOpen();
    const everyMs = Math.max(10, Math.floor(this.#options.heartbeat.intervalMs / 2));
    this.#ticker = setInterval(() => this.#tick(everyMs), everyMs);
    await Promise.all(this.#members.map((_, slot) => this.ensure(slot)));
    return this.graph;
  }

  get graph(): GraphData {
    if (this.#graph === undefined) {
      throw new HoldfastError('ERR_HOLDFAST_INTERNAL', 'no thread has built the graph yet.');
    }
    return this.#graph;
  }

  /**
   * Gives the slot a loaded thread: the one it has, a spare, or a new one.
   * @returns whether it is a new one
   */
  async ensure(slot: number): Promise<boolean> {
    const current = this.#members[slot];
    if (current !== undefined && !current.link.dead) {
      await current.loaded;
      return false;
    }
    this.#assertOpen();
    const name = `holdfast-slot-${slot}`;
    const member = this.#takeSpare() ?? this.#newMember(name);
    member.link.name = name;
    this.#incarnation += 1;
    member.slot = slot;
    member.incarnation = this.#incarnation;
    this.#members[slot] = member;
    this.#restarts[slot]! += 1;
    await member.loaded;
    this.#changed(slot);
    return true;
  }

  /**
   * Gives a slot without tasks another thread: no restart of a region will do so, and the next restart may need the
   * spare. Only a few times, because no budget counts these deaths. @returns whether it does
   */
  replaceIdle(slot: number): boolean {
    if (this.#closed || this.#idleDeaths >= IDLE_DEATHS_MAX) return false;
    this.#idleDeaths += 1;
    this.ensure(slot).catch(() => {}); // If the thread cannot load, it is ended: the slot is shown as dead.
    return true;
  }

  /** Starts as many spares as were asked for. To be called when there is time. */
  refillSpares(): void {
    while (
      !this.#closed &&
      this.#spareDeaths < SPARE_DEATHS_MAX &&
      this.#spares.size < this.#options.spares
    ) {
      const member = this.#newMember('holdfast-spare');
      this.#spares.add(member);
      member.loaded.catch(() => this.#spares.delete(member));
    }
  }

  link(slot: number): HostLink {
    return this.#member(slot).link;
  }

  incarnation(slot: number): number {
    return this.#member(slot).incarnation;
  }

  isAlive(slot: number): boolean {
    const member = this.#members[slot];
    return member !== undefined && !member.link.dead;
  }

  /**
   * The link of some living thread among these that has built the graph; the first one's if there is none.
   * @param slots that have tasks. When such a thread dies during a commit, a restart follows and makes up for the
   *   commit; for a thread without tasks nobody would
   */
  anyLink(slots: readonly number[]): HostLink {
    const loaded = slots.find((slot) => this.isAlive(slot) && this.#members[slot]!.isLoaded);
    return this.link(loaded ?? slots[0]!);
  }

  /** The link of a living thread that has built the graph; of a new one if all are dead. Rejects as `ensure` does. */
  async anyLoaded(): Promise<HostLink> {
    const slots = this.#members.map((_, slot) => slot);
    const slot = slots.find((one) => this.isAlive(one) && this.#members[one]!.isLoaded);
    if (slot === undefined) await this.ensure(0);
    return this.link(slot ?? 0);
  }

  /**
   * Tells all living threads. One that cannot be told is dying; its death is reported elsewhere.
   * @returns once all have heard it, are dead, or have not answered for a second
   */
  async tellAll<M extends 'trigger' | 'abort' | 'committed' | 'stopSources'>(
    method: M,
    args: Parameters<HostControl[M]>,
  ): Promise<void> {
    const living = this.#members.filter((member) => member?.link.dead === false);
    const options = { timeoutMs: ANSWER_TIMEOUT_MS };
    await Promise.all(
      living.map((member) => member!.link.call(method, args, options).catch(() => {})),
    );
  }

  /** Metrics of all living threads that answer in time. */
  async operatorMetrics(): Promise<readonly TaskMetrics[]> {
    return await this.#metrics(ANSWER_TIMEOUT_MS);
  }

  /** Those with which a job ends. They are in its result, so a thread that has to wait for a processor has time to answer. */
  async lastMetrics(): Promise<readonly TaskMetrics[]> {
    return await this.#metrics(LAST_ANSWER_TIMEOUT_MS);
  }

  async #metrics(timeoutMs: number): Promise<readonly TaskMetrics[]> {
    const living = this.#members.filter((member) => member?.link.dead === false);
    const answers = await Promise.all(
      living.map((member) =>
        member!.link.call('metrics', [], { timeoutMs }).catch(() => ({ tasks: [] })),
      ),
    );
    return answers.flatMap((answer) => answer.tasks);
  }

  /**
   * Has a living thread forget its tasks of a region. A thread that does not answer in time is ended. That
   * is reported to the other regions; this region recovers from it anyway.
   */
  async fence(slot: number, region: number, timeoutMs: number): Promise<void> {
    const member = this.#members[slot];
    // A thread that is still loading has no tasks, and could not answer.
    if (member === undefined || member.link.dead || !member.isLoaded) return;
    try {
      await member.link.call('fence', [region], { timeoutMs });
    } catch {
      if (member.link.dead) return;
      // Its end may take long, in a native call; from here on it counts as dead.
      void this.#end(member);
      const failure = fenceFailure(slot, timeoutMs);
      this.#onFailure({ slot, failure, ordered: undefined, detectMs: 0, except: region });
    }
  }

  kill(slot: number, cause: KillCause | 'terminate'): void {
    const member = this.#members[slot];
    if (member === undefined || member.link.dead) {
      throw new HoldfastError(
        'ERR_HOLDFAST_NOT_RUNNING',
        `slot ${slot} has no living thread; slots are 0…${this.#members.length - 1}.`,
      );
    }
    member.order = { cause, atMs: performance.now() };
    if (cause === 'terminate') void this.#terminate(member);
    else member.link.call('kill', [cause]).catch(() => {});
  }

  /** Ends a slot's thread on purpose; this failure is reported at once. No effect without a living thread. */
  retire(slot: number, failure: Failure, cause: string): void {
    const member = this.#members[slot];
    if (member === undefined || member.link.dead) return;
    void this.#end(member);
    this.#changed(slot);
    this.#onFailure({ slot, failure, ordered: cause, detectMs: 0 });
  }

  info(): readonly SlotInfo[] {
    const now = performance.now();
    return this.#members.map((member, slot) => ({
      slot,
      threadId: member?.link.threadId ?? -1,
      incarnation: member?.incarnation ?? 0,
      restarts: Math.max(0, this.#restarts[slot]!),
      verdict: member === undefined ? 'starting' : member.link.dead ? 'dead' : this.#shown(member),
      lastBeatAgoMs: member === undefined ? 0 : now - member.lastBeatMs,
      heapUsedBytes: member?.heapUsedBytes ?? 0,
      heapLimitBytes: member?.heapLimitBytes ?? 0,
    }));
  }

  /** Ends all threads: each is asked first, then killed. */
  async close(politely: boolean): Promise<void> {
    this.#closed = true;
    clearInterval(this.#ticker);
    const all = [...this.#members, ...this.#spares].filter((member) => member !== undefined);
    await Promise.all(
      all.map(async (member) => {
        member.expected = true;
        if (politely && !member.link.dead) {
          await member.link
            .call('shutdown', [], { timeoutMs: this.#options.restart.resetTimeoutMs })
            .catch(() => {});
        }
        await member.link.terminate();
      }),
    );
  }

  /** For a start that was canceled while it waited for something: nobody would end what it starts now. */
  #assertOpen(): void {
    if (this.#closed) throw new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', 'the job has ended.');
  }

  #member(slot: number): Member {
    const member = this.#members[slot];
    if (member === undefined) {
      throw new HoldfastError('ERR_HOLDFAST_INTERNAL', `slot ${slot} has no thread.`);
    }
    return member;
  }

  #shown(member: Member): SlotInfo['verdict'] {
    return member.isLoaded ? member.verdict : 'starting';
  }

  #takeSpare(): Member | undefined {
    for (const spare of this.#spares) {
      this.#spares.delete(spare);
      if (!spare.link.dead) return spare;
    }
    return undefined;
  }

  #newMember(name: string): Member {
    const now = performance.now();
    const ready = deferred<void>();
    const link = this.#spawn(name, {
      onEvent: (event) => {
        if (event.kind === 'ready') ready.resolve();
        else if (event.kind === 'load-failed') ready.reject(failureToError(event.failure));
        else if (member.slot !== undefined && !link.dead) this.#onEvent(member.slot, event);
      },
      onBeat: (beat) => {
        member.lastBeatMs = performance.now();
        member.detector.beat(member.lastBeatMs);
        member.heapUsedBytes = beat.heapUsedBytes;
        member.heapLimitBytes = beat.heapLimitBytes;
        if (member.slot !== undefined) this.#onBeat(heapSample(member, member.slot));
      },
      onDeath: (failure) => {
        ready.reject(failureToError(failure, 'ERR_HOLDFAST_WORKER_DIED'));
        this.#died(member, failure);
      },
    });
    const member: Member = {
      link,
      loaded: this.#load(link, ready.promise),
      detector: new FaultDetector(this.#options.heartbeat, now),
      bornMs: now,
      isLoaded: false,
      slot: undefined,
      incarnation: 0,
      lastBeatMs: now,
      heapUsedBytes: 0,
      heapLimitBytes: 0,
      verdict: 'alive',
      lastProgress: 0,
      lastProgressMs: now,
      expected: false,
      order: undefined,
    };
    member.loaded.then(
      () => {
        member.isLoaded = true;
        member.detector.beat(performance.now());
      },
      () => void this.#end(member),
    );
    return member;
  }

  async #load(link: HostLink, ready: Promise<void>): Promise<GraphData> {
    await inTime(ready, LOAD_TIMEOUT_MS, loadTimeout);
    const graph = await link.call('build', [this.#options.args], { timeoutMs: LOAD_TIMEOUT_MS });
    if (this.#graph === undefined) this.#graph = graph;
    if (this.#graph.hash !== graph.hash) {
      throw new HoldfastError(
        'ERR_HOLDFAST_GRAPH_MISMATCH',
        `job '${graph.job}' built different graphs in two threads. The build function must be ` +
          'deterministic: it must not depend on time, chance, environment changes or thread.',
        { details: { expected: describeGraph(this.#graph), found: describeGraph(graph) } },
      );
    }
    return graph;
  }

  #changed(slot: number): void {
    if (!this.#closed) this.#onChange(this.info()[slot]!);
  }

  async #end(member: Member): Promise<void> {
    member.expected = true;
    await member.link.terminate();
  }

  /** Ends a thread that `kill` names. One that cannot be ended counts as dead after the time that survivors have. */
  async #terminate(member: Member): Promise<void> {
    const { resetTimeoutMs } = this.#options.restart;
    const failure = unendedFailure(member.link.name, resetTimeoutMs);
    const late = () => failureToError(failure);
    await inTime(member.link.terminate(), resetTimeoutMs, late).catch(() =>
      this.#died(member, failure),
    );
  }

  #died(member: Member, failure: Failure): void {
    if (this.#spares.delete(member)) this.#spareDeaths += 1;
    if (member.expected || this.#closed || member.slot === undefined || !member.isLoaded) return;
    member.expected = true;
    this.#changed(member.slot);
    const now = performance.now();
    this.#onFailure({
      slot: member.slot,
      failure: { ...failure, slot: member.slot },
      ordered: member.order?.cause,
      detectMs: member.order === undefined ? 0 : now - member.order.atMs,
    });
  }

  #tick(everyMs: number): void {
    const now = performance.now();
    const late = now - this.#lastTickMs > everyMs * 3;
    this.#lastTickMs = now;
    for (const member of [...this.#members, ...this.#spares]) {
      if (member?.isLoaded && !member.link.dead && !member.expected) this.#judge(member, now, late);
    }
  }

  #judge(member: Member, now: number, late: boolean): void {
    const progress = member.link.block.progressCount;
    if (progress !== member.lastProgress) {
      member.lastProgress = progress;
      member.lastProgressMs = now;
    }
    member.verdict = member.detector.observe({
      now,
      progress,
      utilization: member.link.utilization(),
      late,
      waitedMs: member.link.waitedMs(),
    });
    if (member.verdict !== 'hung') return;
    const lastSignMs = Math.max(member.lastBeatMs, member.lastProgressMs);
    const { slot, order } = member;
    const failure = hangFailure({
      slot,
      phase: member.link.block.phase,
      beatSilenceMs: now - member.lastBeatMs,
      progressSilenceMs: now - member.lastProgressMs,
      heartbeat: this.#options.heartbeat,
    });
    void this.#end(member);
    if (slot === undefined) {
      if (this.#spares.delete(member)) this.#spareDeaths += 1;
      return;
    }
    this.#changed(slot);
    this.#onFailure({ slot, failure, ordered: order?.cause, detectMs: now - lastSignMs });
  }
}

function fenceFailure(slot: number, timeoutMs: number): Failure {
  return {
    kind: 'thread-exit',
    name: 'HoldfastError',
    code: 'ERR_HOLDFAST_WORKER_DIED',
    message:
      `slot ${slot} was ended: its tasks of another region, which had failed, did not stop within ` +
      `restart.resetTimeoutMs (${timeoutMs}).`,
    slot,
  };
}

function heapSample(member: Member, slot: number): Omit<HeapSample, 'mayRestart'> {
  return {
    slot,
    incarnation: member.incarnation,
    usedBytes: member.heapUsedBytes,
    limitBytes: member.heapLimitBytes,
    working: WORKING.includes(member.link.block.phase),
  };
}

function describeGraph(graph: GraphData): readonly string[] {
  return graph.nodes.map((node) => `${node.id} (${node.type})`);
}

function loadTimeout(): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_JOB_MODULE',
    `the job module did not load within ${LOAD_TIMEOUT_MS} ms. Top-level code must not wait or loop.`,
  );
}

function unendedFailure(name: string, afterMs: number): Failure {
  return {
    kind: 'thread-exit',
    name: 'HoldfastError',
    code: 'ERR_HOLDFAST_WORKER_DIED',
    message:
      `thread '${name}' was ended: ordered by kill. It is still in a call that cannot be interrupted, ` +
      `and has not come to its end within restart.resetTimeoutMs (${afterMs}); nobody waits for it.`,
  };
}
