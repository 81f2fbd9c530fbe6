/**
 * Time and interleaving of a simulation: one heap of events, one clock, one seeded source of chance.
 *
 *  W1  Everything asynchronous passes through the heap: timers, messages, input and output. Promises are
 *      drained to their end after each event, so between two events nothing is under way.
 *  W2  An event belongs to a domain (a thread, the main thread of a process, the kernel, a server).
 *      Timers that code sets belong to the domain that it runs in. A dead domain's events are dropped,
 *      and so nothing of it ever goes on.
 *  W3  A domain does one thing at a time. Looking at the clock costs it time; while it is busy or frozen
 *      its events wait, in their order.
 *  W4  Chance comes from the seed alone. So the same seed gives the same events, and the same trace.
 *
 * While a world is installed, the global timers and clocks are its own, but only within its events:
 * what else lives in the process (a test runner) keeps the real ones.
 */

import type { Random } from '../../src/base/random.js';
import { CachedFunction } from './code-cache.js';
import type { Trace } from './trace.js';

export interface Domain {
  readonly name: string;
  alive: boolean;
  /** Until then it is busy or frozen (W3). */
  freeAtMs: number;
  /** What a look at the clock costs, at most. */
  lookMs: number;
}

interface Event {
  atMs: number;
  readonly order: number;
  readonly domain: Domain;
  readonly act: () => void;
  dropped: boolean;
}

/** Greatest lateness of a timer, and of a turn of the loop. */
const TIMER_LATE_MS = 0.5;
const TURN_MS = 0.02;

const real = {
  setImmediate: globalThis.setImmediate,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  clearImmediate: globalThis.clearImmediate,
  dateNow: Date.now,
  now: performance.now.bind(performance),
  Function: globalThis.Function,
};

/** 2026-01-01: what `Date.now` begins with. */
const EPOCH_MS = 1_767_225_600_000;

export class World {
  readonly random: Random;
  readonly trace: Trace;
  /** Called after every event. */
  onStep: () => void = () => {};
  /** An event threw: in a real process, that ends it. */
  onUncaught: (domain: Domain, error: unknown) => void = () => {};
  readonly #heap: Event[] = [];
  #order = 0;
  #nowMs = 0;
  /** Time that the current event has used (W3). */
  #usedMs = 0;
  #current: Domain | undefined;
  events = 0;

  constructor(random: Random, trace: Trace) {
    this.random = random;
    this.trace = trace;
  }

  get nowMs(): number {
    return this.#nowMs + this.#usedMs;
  }

  /** Whose event is being performed. */
  get current(): Domain {
    if (this.#current === undefined) throw new Error('no event is being performed');
    return this.#current;
  }

  domain(name: string): Domain {
    return { name, alive: true, freeAtMs: 0, lookMs: 0 };
  }

  /** The current event takes that much longer (W3). */
  spend(ms: number): void {
    this.#usedMs += ms;
  }

  /** @returns a number of milliseconds in between, mostly a small one */
  between(minMs: number, maxMs: number): number {
    const dice = this.random.next();
    return minMs + (maxMs - minMs) * dice * dice * dice;
  }

  after(domain: Domain, delayMs: number, act: () => void): Event {
    return this.at(domain, this.nowMs + delayMs, act);
  }

  at(domain: Domain, atMs: number, act: () => void): Event {
    this.#order += 1;
    const event = { atMs, order: this.#order, domain, act, dropped: false };
    this.#push(event);
    return event;
  }

  log(what: string): void {
    this.trace.add(this.nowMs, this.#current?.name ?? '-', what);
  }

  freeze(domain: Domain, forMs: number): void {
    domain.freeAtMs = Math.max(domain.freeAtMs, this.nowMs + forMs);
  }

  /** Performs events until `done`; false when none is left, or `events` of them were not enough. */
  async run(done: () => boolean, events: number): Promise<boolean> {
    const uninstall = this.#install();
    try {
      while (!done()) {
        const event = this.#next();
        if (event === undefined || this.events >= events) return false;
        this.events += 1;
        const { domain } = event;
        this.#current = domain;
        try {
          event.act();
        } catch (error) {
          this.onUncaught(domain, error);
        }
        // W1: promises, and whatever they lead to, to their end: a tick comes when no microtask is left.
        await new Promise<void>((resolve) => process.nextTick(resolve));
        domain.freeAtMs = Math.max(domain.freeAtMs, this.nowMs);
        this.onStep();
        this.#current = undefined;
        this.#usedMs = 0;
      }
      return true;
    } finally {
      this.#current = undefined;
      this.#usedMs = 0;
      uninstall();
    }
  }

  #next(): Event | undefined {
    for (;;) {
      const event = this.#pop();
      if (event === undefined) return undefined;
      if (event.dropped || !event.domain.alive) continue; // W2
      if (event.domain.freeAtMs > event.atMs) {
        event.atMs = event.domain.freeAtMs; // W3
        this.#push(event);
        continue;
      }
      this.#nowMs = Math.max(this.#nowMs, event.atMs);
      return event;
    }
  }

  #look(): number {
    const { lookMs } = this.#current!;
    if (lookMs > 0) this.#usedMs += lookMs * this.random.next();
    return this.nowMs;
  }

  #timer(delayMs: number | undefined, act: () => void): Event {
    const ms = Math.max(1, delayMs ?? 1);
    return this.after(this.current, ms + this.between(0, TIMER_LATE_MS), act);
  }

  #install(): () => void {
    const inside = () => this.#current !== undefined;
    const handle = (event: Event) => new Handle(event);
    type Act = (...args: unknown[]) => void;
    const replace = globalThis as unknown as Record<string, unknown>;
    replace['setTimeout'] = (act: Act, ms?: number, ...args: unknown[]) =>
      inside()
        ? handle(this.#timer(ms, () => act(...args)))
        : real.setTimeout(act as () => void, ms, ...(args as []));
    replace['setInterval'] = (act: Act, ms?: number, ...args: unknown[]) => {
      if (!inside()) return real.setInterval(act as () => void, ms, ...(args as []));
      const begin = (): Event =>
        this.#timer(ms, () => {
          timer.event = begin();
          act(...args);
        });
      const timer = handle(begin());
      return timer;
    };
    replace['setImmediate'] = (act: Act, ...args: unknown[]) =>
      inside()
        ? handle(this.after(this.current, this.between(0.001, TURN_MS), () => act(...args)))
        : real.setImmediate(act as () => void, ...(args as []));
    const clear = (original: (timer: never) => void) => (timer: unknown) => {
      if (timer instanceof Handle) timer.event.dropped = true;
      else original(timer as never);
    };
    replace['clearTimeout'] = clear(real.clearTimeout as never);
    replace['clearInterval'] = clear(real.clearInterval as never);
    replace['clearImmediate'] = clear(real.clearImmediate as never);
    replace['Function'] = CachedFunction;
    Date.now = () => (inside() ? EPOCH_MS + Math.floor(this.nowMs) : real.dateNow());
    performance.now = () => (inside() ? this.#look() : real.now());
    return () => {
      replace['setTimeout'] = real.setTimeout;
      replace['setInterval'] = real.setInterval;
      replace['setImmediate'] = real.setImmediate;
      replace['clearTimeout'] = real.clearTimeout;
      replace['clearInterval'] = real.clearInterval;
      replace['clearImmediate'] = real.clearImmediate;
      replace['Function'] = real.Function;
      Date.now = real.dateNow;
      performance.now = real.now;
    };
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || top === last) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

/** What code holds of a timer. */
class Handle {
  event: Event;

  constructor(event: Event) {
    this.event = event;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

interface Message {
  readonly act: () => void;
  event: Event;
}

/** One direction of a connection: first in, first out, however long each message takes. */
export class Lane {
  readonly #world: World;
  readonly #to: Domain;
  #lastAtMs = 0;
  #waiting: Message[] = [];

  constructor(world: World, to: Domain) {
    this.#world = world;
    this.#to = to;
  }

  send(act: () => void, minMs = 0.01, maxMs = 0.4): void {
    const world = this.#world;
    this.#lastAtMs = Math.max(world.nowMs + world.between(minMs, maxMs), this.#lastAtMs);
    const message: Message = { act, event: this.#arrival(() => this.#deliver(message)) };
    this.#waiting.push(message);
  }

  /** Nothing arrives before that, neither what is on its way nor what follows. */
  delay(untilMs: number): void {
    this.#lastAtMs = Math.max(this.#lastAtMs, untilMs);
    for (const message of this.#waiting) {
      message.event.dropped = true;
      message.event = this.#arrival(() => this.#deliver(message));
    }
  }

  /** Delivers what is on its way here and now, in the domain that is current. */
  flush(): void {
    for (const { act, event } of this.#waiting.splice(0)) {
      event.dropped = true;
      act();
    }
  }

  #arrival(act: () => void): Event {
    return this.#world.at(this.#to, this.#lastAtMs, act);
  }

  #deliver(message: Message): void {
    this.#waiting = this.#waiting.filter((other) => other !== message);
    message.act();
  }
}
