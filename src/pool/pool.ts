/**
 * The threads of a job: one per slot, and warm spares. What is loaded and what works in them is the workload's matter.
 *
 *  S1  A thread is loaded (the user's module imported and made ready, its hash compared) before it serves a slot.
 *  S2  A thread's death or hang is reported once, to whom it serves. A spare's is no failure of the job.
 *  S3  Only a loaded thread can be judged hung: importing a module may take its time.
 *  S4  Every thread that takes a slot gets a new incarnation number, never reused within the process.
 */

import { HoldfastError } from '../base/errors.js';
import { type Failure, failureToError } from '../base/failure.js';
import { inTime } from '../base/in-time.js';
import type { HostLink, HostSpawner } from '../host/host-link.js';
import type { HostCalls, KillCause } from '../host/host-protocol.js';
import type { WorkloadTypes } from '../host/workload.js';
import type { HeapSample } from '../supervisor/heap-watch.js';
import { Member } from './member.js';
import type { PoolOptions, SlotInfo } from './pool-types.js';

/** After so many deaths while loading, spares are not replaced any more. */
const SPARE_DEATHS_MAX = 3;
/** After so many deaths of threads without tasks, these are not replaced any more either. */
const IDLE_DEATHS_MAX = 10;
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

export interface PoolGiven<W extends WorkloadTypes> {
  readonly options: PoolOptions;
  readonly spawn: HostSpawner<W>;
  /** Two threads have loaded what differs by its hash. */
  readonly mismatch: (expected: W['loaded'], found: W['loaded']) => Error;
  readonly onEvent: (slot: number, event: W['event']) => void;
  readonly onFailure: (failure: SlotFailure) => void;
  /** The slot got a thread, or lost it. */
  readonly onChange: (info: SlotInfo) => void;
  readonly onBeat: (beat: Omit<HeapSample, 'mayRestart'>) => void;
}

export class Pool<W extends WorkloadTypes> {
  readonly #given: PoolGiven<W>;
  readonly #options: PoolOptions;
  /** By slot. */
  readonly #members: (Member<W> | undefined)[];
  readonly #restarts: number[];
  readonly #spares = new Set<Member<W>>();
  #loaded: W['loaded'] | undefined;
  #incarnation = 0;
  #spareDeaths = 0;
  #idleDeaths = 0;
  #closed = false;
  #lastTickMs = performance.now();
  #ticker: NodeJS.Timeout | undefined;

  constructor(given: PoolGiven<W>) {
    this.#given = given;
    this.#options = given.options;
    const { parallelism } = given.options;
    this.#members = new Array<Member<W> | undefined>(parallelism).fill(undefined);
    this.#restarts = new Array<number>(parallelism).fill(-1);
  }

  /** Starts all threads. @returns what all of them have loaded */
  async open(): Promise<W['loaded']> {
    this.#assertOpen();
    const everyMs = Math.max(10, Math.floor(this.#options.heartbeat.intervalMs / 2));
    this.#ticker = setInterval(() => this.#tick(everyMs), everyMs);
    await Promise.all(this.#members.map((_, slot) => this.ensure(slot)));
    if (this.#loaded === undefined) {
      throw new HoldfastError('ERR_HOLDFAST_INTERNAL', 'no thread has loaded anything yet.');
    }
    return this.#loaded;
  }

  /**
   * Gives the slot a loaded thread: the one it has, a spare, or a new one.
   * @returns whether it is a new one
   */
  async ensure(slot: number): Promise<boolean> {
    const current = this.#members[slot];
    if (current?.isAlive === true) {
      await current.loaded;
      return false;
    }
    this.#assertOpen();
    const name = `holdfast-slot-${slot}`;
    const member = this.#takeSpare() ?? this.#newMember(name);
    member.link.name = name;
    this.#incarnation += 1;
    member.place = { slot, incarnation: this.#incarnation };
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

  link(slot: number): HostLink<W> {
    return this.#member(slot).link;
  }

  incarnation(slot: number): number {
    return this.#member(slot).place!.incarnation;
  }

  isAlive(slot: number): boolean {
    return this.#members[slot]?.isAlive === true;
  }

  /**
   * The link of some living, loaded thread among these; the first one's if there is none.
   * @param slots that have tasks. When such a thread dies during a commit, a restart follows and makes up for the
   *   commit; for a thread without tasks nobody would
   */
  anyLink(slots: readonly number[]): HostLink<W> {
    return this.link(slots.find((slot) => this.#isUsable(slot)) ?? slots[0]!);
  }

  /** The link of a living, loaded thread; of a new one if all are dead. Rejects as `ensure` does. */
  async anyLoaded(): Promise<HostLink<W>> {
    const slot = [...this.#members.keys()].find((one) => this.#isUsable(one));
    if (slot === undefined) await this.ensure(0);
    return this.link(slot ?? 0);
  }

  /**
   * Calls all living threads. One that cannot be told is dying; its death is reported elsewhere.
   * @returns once all have heard it, are dead, or have not answered for a second
   */
  async tellAll<M extends 'trigger' | 'abort' | 'committed'>(
    method: M,
    args: HostCalls<W>[M]['args'],
  ): Promise<void> {
    await this.#onLiving((link) => link.call(method, args, { timeoutMs: ANSWER_TIMEOUT_MS }));
  }

  /** As `tellAll`, with a call that only this workload has. */
  async askAll<M extends keyof W['calls']>(method: M, args: W['calls'][M]['args']): Promise<void> {
    await this.#onLiving((link) => link.ask(method, args, { timeoutMs: ANSWER_TIMEOUT_MS }));
  }

  /** Metrics of all living threads that answer in time. */
  async metrics(): Promise<readonly W['metrics'][]> {
    return await this.#metrics(ANSWER_TIMEOUT_MS);
  }

  /** Those with which a job ends. They are in its result, so a thread that has to wait for a processor has time to answer. */
  async lastMetrics(): Promise<readonly W['metrics'][]> {
    return await this.#metrics(LAST_ANSWER_TIMEOUT_MS);
  }

  async #metrics(timeoutMs: number): Promise<readonly W['metrics'][]> {
    const answers = await this.#onLiving((link) => link.call('metrics', [], { timeoutMs }));
    return answers.flatMap((answer) => answer ?? []);
  }

  /** @returns the answers; undefined where there was none */
  async #onLiving<T>(act: (link: HostLink<W>) => Promise<T>): Promise<readonly (T | undefined)[]> {
    const living = this.#members.filter((member) => member?.isAlive === true);
    return await Promise.all(living.map((member) => act(member!.link).catch(() => undefined)));
  }

  /**
   * Has a living thread forget its tasks of a region. A thread that does not answer in time is ended. That
   * is reported to the other regions; this region recovers from it anyway.
   */
  async fence(slot: number, region: number, timeoutMs: number): Promise<void> {
    const member = this.#members[slot];
    // A thread that is still loading has no tasks, and could not answer.
    if (member === undefined || !member.isAlive || !member.isLoaded) return;
    try {
      await member.link.call('fence', [region], { timeoutMs });
    } catch {
      if (!member.isAlive) return;
      // Its end may take long, in a native call; from here on it counts as dead.
      void member.end();
      const failure = fenceFailure(slot, timeoutMs);
      this.#given.onFailure({ slot, failure, ordered: undefined, detectMs: 0, except: region });
    }
  }

  kill(slot: number, cause: KillCause | 'terminate'): void {
    const member = this.#members[slot];
    if (member === undefined || !member.isAlive) {
      throw new HoldfastError(
        'ERR_HOLDFAST_NOT_RUNNING',
        `slot ${slot} has no living thread; slots are 0…${this.#members.length - 1}.`,
      );
    }
    member.orderKill(cause);
    if (cause === 'terminate') void this.#terminate(member);
    else member.link.call('kill', [cause]).catch(() => {});
  }

  /** Ends a slot's thread on purpose; this failure is reported at once. No effect without a living thread. */
  retire(slot: number, failure: Failure, cause: string): void {
    const member = this.#members[slot];
    if (member === undefined || !member.isAlive) return;
    void member.end();
    this.#changed(slot);
    this.#given.onFailure({ slot, failure, ordered: cause, detectMs: 0 });
  }

  info(): readonly SlotInfo[] {
    const now = performance.now();
    return this.#members.map((member, slot) => ({
      slot,
      threadId: member?.link.threadId ?? -1,
      incarnation: member?.place?.incarnation ?? 0,
      restarts: Math.max(0, this.#restarts[slot]!),
      verdict: verdictOf(member),
      lastBeatAgoMs: member === undefined ? 0 : now - member.vitals.lastBeatMs,
      heapUsedBytes: member?.vitals.heapUsedBytes ?? 0,
      heapLimitBytes: member?.vitals.heapLimitBytes ?? 0,
    }));
  }

  /** Ends all threads: each is asked first, then killed. */
  async close(politely: boolean): Promise<void> {
    this.#closed = true;
    clearInterval(this.#ticker);
    const all = [...this.#members, ...this.#spares].filter((member) => member !== undefined);
    const { resetTimeoutMs } = this.#options.restart;
    await Promise.all(
      all.map(async (member) => {
        member.forget();
        if (politely && member.isAlive) {
          await member.link.call('shutdown', [], { timeoutMs: resetTimeoutMs }).catch(() => {});
        }
        await member.link.terminate();
      }),
    );
  }

  /** For a start that was canceled while it waited for something: nobody would end what it starts now. */
  #assertOpen(): void {
    if (this.#closed) throw new HoldfastError('ERR_HOLDFAST_NOT_RUNNING', 'the job has ended.');
  }

  #isUsable(slot: number): boolean {
    const member = this.#members[slot];
    return member?.isAlive === true && member.isLoaded;
  }

  #member(slot: number): Member<W> {
    const member = this.#members[slot];
    if (member === undefined) {
      throw new HoldfastError('ERR_HOLDFAST_INTERNAL', `slot ${slot} has no thread.`);
    }
    return member;
  }

  #takeSpare(): Member<W> | undefined {
    for (const spare of this.#spares) {
      this.#spares.delete(spare);
      if (spare.isAlive) return spare;
    }
    return undefined;
  }

  #newMember(name: string): Member<W> {
    return new Member<W>({
      name,
      spawn: this.#given.spawn,
      options: this.#options,
      check: (loaded) => this.#check(loaded),
      onEvent: ({ place, isAlive }, event) => {
        if (place !== undefined && isAlive) this.#given.onEvent(place.slot, event);
      },
      onBeat: (member) => {
        if (member.place !== undefined) this.#given.onBeat(member.heapSample(member.place));
      },
      onDeath: (member, failure) => this.#died(member, failure),
    });
  }

  #check(loaded: W['loaded']): void {
    this.#loaded ??= loaded;
    if (this.#loaded.hash !== loaded.hash) throw this.#given.mismatch(this.#loaded, loaded);
  }

  #changed(slot: number): void {
    if (!this.#closed) this.#given.onChange(this.info()[slot]!);
  }

  /** Ends a thread that `kill` names. One that cannot be ended counts as dead after the time that survivors have. */
  async #terminate(member: Member<W>): Promise<void> {
    const { resetTimeoutMs } = this.#options.restart;
    const failure = unendedFailure(member.link.name, resetTimeoutMs);
    const late = () => failureToError(failure);
    await inTime(member.link.terminate(), resetTimeoutMs, late).catch(() =>
      this.#died(member, failure),
    );
  }

  #died(member: Member<W>, failure: Failure): void {
    if (this.#spares.delete(member)) this.#spareDeaths += 1;
    const { place, order } = member;
    if (this.#closed || place === undefined || !member.isWatched) return;
    member.forget();
    this.#changed(place.slot);
    this.#given.onFailure({
      slot: place.slot,
      failure: { ...failure, slot: place.slot },
      ordered: order?.cause,
      detectMs: order === undefined ? 0 : performance.now() - order.atMs,
    });
  }

  #tick(everyMs: number): void {
    const now = performance.now();
    const late = now - this.#lastTickMs > everyMs * 3;
    this.#lastTickMs = now;
    for (const member of [...this.#members, ...this.#spares]) {
      if (member?.isWatched === true && member.isAlive) this.#judge(member, now, late);
    }
  }

  #judge(member: Member<W>, now: number, late: boolean): void {
    const { link, vitals, place, order } = member;
    if (vitals.judge(link, now, late) !== 'hung') return;
    const failure = vitals.hang(link, place?.slot, now);
    void member.end();
    if (place === undefined) {
      if (this.#spares.delete(member)) this.#spareDeaths += 1;
      return;
    }
    this.#changed(place.slot);
    const detectMs = now - vitals.lastSignMs;
    this.#given.onFailure({ slot: place.slot, failure, ordered: order?.cause, detectMs });
  }
}

function verdictOf<W extends WorkloadTypes>(member: Member<W> | undefined): SlotInfo['verdict'] {
  if (member === undefined) return 'starting';
  if (!member.isAlive) return 'dead';
  return member.isLoaded ? member.vitals.verdict : 'starting';
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
