/**
 * A supervisor's children in the order in which they start, with what is known of each.
 *
 *   down ──▶ waiting ──start-child──▶ starting ──child-started──▶ running
 *    ▲  ▲       ▲                        │                           │
 *    │  └───────┼──── start-ignored, ────┴──── child-ended ──────────┤
 *    │          └──────── fate 'wait' ──────── stopping ◀─stop-child─┘
 *    └──────────────────── fate 'rest' ───────────┘
 *
 *  C1  The list is linked in both directions: adding, removing and taking the next cost the same for 10 000
 *      children as for ten. `order` grows along the list, and no value is used twice.
 *  C2  States and fates change only through `set`, which keeps the two counts true.
 */

import { assert } from '../base/assert.js';
import type { ResolvedChildSpec } from './child-spec.js';
import type { Deadline } from './deadline-queue.js';
import type { ChildInfo, RequestToken } from './supervisor-protocol.js';

/** `waiting`: to be started at its deadline, or when its turn comes. */
export type ChildState = 'down' | 'waiting' | 'starting' | 'running' | 'stopping';

/** What follows its end, ordered or not: `none`: nothing is ordered; `wait`: it starts again; `rest`: it stays down. */
export type Fate = 'none' | 'wait' | 'rest';

export interface Child {
  readonly spec: ResolvedChildSpec;
  readonly order: number;
  readonly state: ChildState;
  readonly fate: Fate;
  /** 0 before the first start. */
  incarnation: number;
  attempt: number;
  /** It has ended by itself and needs no restart: only a request starts it again. */
  done: boolean;
  /** It has not answered the supervisor's own start yet. */
  booting: boolean;
  /** When it is started (waiting) or killed (stopping). */
  deadline: Deadline<Child> | undefined;
  killed: 'no' | 'at-once' | 'too-slow';
  /** A request waits for its start. `isNew`: the child is not kept when it cannot start. */
  request: { readonly token: RequestToken; readonly isNew: boolean } | undefined;
  /** Requests wait for it to end. */
  terminations: RequestToken[] | undefined;
  readonly previous: Child | undefined;
  readonly next: Child | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class ChildList implements Iterable<Child> {
  readonly #byId = new Map<string, Mutable<Child>>();
  #first: Mutable<Child> | undefined;
  #last: Mutable<Child> | undefined;
  #order = 0;
  #alive = 0;
  #significant = 0;

  get first(): Child | undefined {
    return this.#first;
  }

  get last(): Child | undefined {
    return this.#last;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Children that are starting, running or stopping. */
  get alive(): number {
    return this.#alive;
  }

  /** Number of significant children that run, or will run again. */
  get significant(): number {
    return this.#significant;
  }

  get(id: string): Child | undefined {
    return this.#byId.get(id);
  }

  add(spec: ResolvedChildSpec): Child {
    assert(!this.#byId.has(spec.id), `two children of a supervisor are called '${spec.id}'`);
    const child: Mutable<Child> = {
      spec,
      order: this.#order++,
      state: 'down',
      fate: 'none',
      incarnation: 0,
      attempt: 0,
      done: false,
      booting: false,
      deadline: undefined,
      killed: 'no',
      request: undefined,
      terminations: undefined,
      previous: this.#last,
      next: undefined,
    };
    if (this.#last === undefined) this.#first = child;
    else this.#last.next = child;
    this.#last = child;
    this.#byId.set(spec.id, child);
    return child;
  }

  remove({ spec }: Child): void {
    const child = this.#byId.get(spec.id);
    assert(child?.state === 'down', `'${spec.id}' is removed once, and when it is down`);
    this.#byId.delete(spec.id);
    const { previous, next } = child as {
      previous: Mutable<Child> | undefined;
      next: Mutable<Child> | undefined;
    };
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
  }

  set(given: Child, state: ChildState, fate: Fate = given.fate): void {
    const child = given as Mutable<Child>;
    this.#count(child, -1);
    child.state = state;
    child.fate = fate;
    this.#count(child, 1);
  }

  *[Symbol.iterator](): Iterator<Child> {
    for (let at = this.#first; at !== undefined; at = at.next as typeof at | undefined) yield at;
  }

  #count(child: Child, by: 1 | -1): void {
    if (isAlive(child)) this.#alive += by;
    if (child.spec.significant && child.state !== 'down' && child.fate !== 'rest') {
      this.#significant += by;
    }
  }
}

export function isAlive({ state }: Child): boolean {
  return state === 'starting' || state === 'running' || state === 'stopping';
}

/** A child as people are shown it. */
export function describeChild(child: Child): ChildInfo {
  const { id, type, restart } = child.spec;
  const { state } = child;
  if (state !== 'waiting') return { id, state, type, restart };
  return { id, state: child.incarnation === 0 ? 'down' : 'restarting', type, restart };
}
