/**
 * One actor of a node: its state, its mailbox, its life. There may be a million, so what few of them have stands in
 * `more`, and an empty mailbox holds nothing.
 *
 *     down ⇄ running → stopping → down | forgotten
 */

import type { Failure } from '../../base/failure.js';
import type { Deadline } from '../../supervisor/deadline-queue.js';
import type { ActorRef, AskAddress } from '../actor-context.js';
import type { ActorKind } from './actor-kind.js';
import type { Letter } from './letter.js';
import type { WaitList } from './wait-list.js';

/** `down`: it has no state; its mailbox waits if it `isComing`. */
export type Life = 'running' | 'stopping' | 'down';

export type ActorEnd = 'normal' | 'shutdown' | 'killed' | 'abnormal';

/** Who starts it again, if anybody. */
export type Keeper =
  /** A supervisor: a tree of the node's, or its parent's. */
  | { readonly kind: 'tree'; readonly tree: object; incarnation: number }
  /** The budget of its key. */
  | { readonly kind: 'key' };

/** A letter that waits, at its sender, for room in a mailbox. */
export interface Parked {
  readonly letter: Letter;
  readonly target: ActorCell;
  /** Undefined: from outside. */
  readonly from: ActorCell | undefined;
}

export interface ActorTimer {
  readonly cell: ActorCell;
  readonly name: string;
  readonly handler: string;
  readonly message: unknown;
}

/** An async handler that has not ended, with its message. */
export interface Held {
  readonly letter: Letter;
  /** Closes its context. */
  abandon(): void;
  /** Whom it awaits, by ask. */
  readonly awaits: Map<number, ActorCell>;
}

/** An end that waits until the children are down. */
export interface Ending {
  readonly reason: ActorEnd;
  readonly failure: Failure | undefined;
}

export interface CellMore {
  parent?: ActorCell | undefined;
  args?: unknown;
  children?: Set<ActorCell>;
  behaviour?: string | undefined;
  stash?: Letter[];
  timers?: Map<string, Deadline<unknown>>;
  nextTimer?: number;
  /** Watchers by path, with the handler that each is told by. */
  watchers?: Map<string, { readonly ref: ActorRef; readonly handler: string }>;
  /** Paths that it watches. */
  watched?: Set<string>;
  links?: Map<string, ActorRef>;
  /** Letters that wait for room here, first come first. */
  waiters?: WaitList<Parked>;
  /** Letters of its own that wait elsewhere. While there are any it takes no next message. */
  parked?: Set<Parked>;
  /** Asks that it will answer later. */
  owes?: Map<string, AskAddress>;
  /** Open asks whose answers come as messages. */
  asks?: Set<number>;
  ending?: Ending | undefined;
  /** Of a sharded actor that is down: when it may begin again. */
  keyDueMs?: number;
  /** How long it may take to stop when its parent stops it, in milliseconds. */
  shutdownMs?: number;
}

const MAKE = {
  children: () => new Set<ActorCell>(),
  stash: (): Letter[] => [],
  timers: () => new Map<string, Deadline<unknown>>(),
  watchers: () => new Map<string, { readonly ref: ActorRef; readonly handler: string }>(),
  watched: () => new Set<string>(),
  links: () => new Map<string, ActorRef>(),
  owes: () => new Map<string, AskAddress>(),
  asks: () => new Set<number>(),
};

export class ActorCell {
  readonly path: string;
  readonly incarnation: number;
  readonly kind: ActorKind;
  state: object | undefined;
  first: Letter | undefined = undefined;
  last: Letter | undefined = undefined;
  /** Places of the mailbox that are taken. */
  used = 0;
  life: Life = 'down';
  /** It stands in the queue of those that have something to do. */
  isReady = false;
  /** It is down, and will be started. */
  isComing = false;
  held: Held | undefined = undefined;
  keeper: Keeper | undefined = undefined;
  more: CellMore | undefined = undefined;
  known: ActorRef | undefined = undefined;

  constructor(kind: ActorKind, path: string, incarnation: number) {
    this.kind = kind;
    this.path = path;
    this.incarnation = incarnation;
    this.state = undefined;
  }

  get ref(): ActorRef {
    this.known ??= Object.freeze({
      actor: this.kind.name,
      path: this.path,
      incarnation: this.incarnation,
    });
    return this.known;
  }

  extend(): CellMore {
    this.more ??= {};
    return this.more;
  }

  /** One of the things that few have, made when it is not there. */
  own<K extends keyof typeof MAKE>(name: K): ReturnType<(typeof MAKE)[K]> {
    const more = this.extend() as Record<K, ReturnType<(typeof MAKE)[K]> | undefined>;
    more[name] ??= MAKE[name]() as ReturnType<(typeof MAKE)[K]>;
    return more[name] as ReturnType<(typeof MAKE)[K]>;
  }

  /** It may take its next message. */
  get isFree(): boolean {
    return (
      this.first !== undefined &&
      this.life === 'running' &&
      this.held === undefined &&
      (this.more === undefined || this.more.parked === undefined || this.more.parked.size === 0)
    );
  }

  put(letter: Letter): void {
    if (this.last === undefined) this.first = letter;
    else this.last.next = letter;
    this.last = letter;
    if (letter.counts) this.used += 1;
  }

  putFirst(letter: Letter): void {
    letter.next = this.first;
    this.first = letter;
    if (this.last === undefined) this.last = letter;
    if (letter.counts) this.used += 1;
  }

  take(): Letter | undefined {
    const letter = this.first;
    if (letter === undefined) return undefined;
    this.first = letter.next;
    if (letter.next === undefined) this.last = undefined;
    else letter.next = undefined;
    if (letter.counts) this.used -= 1;
    return letter;
  }

  /** Takes the oldest letter that counts. */
  takeOldest(): Letter | undefined {
    let before: Letter | undefined;
    for (let at = this.first; at !== undefined; before = at, at = at.next) {
      if (!at.counts) continue;
      if (before === undefined) return this.take();
      before.next = at.next;
      if (at.next === undefined) this.last = before;
      at.next = undefined;
      this.used -= 1;
      return at;
    }
    return undefined;
  }

  *letters(): Iterable<Letter> {
    for (let at = this.first; at !== undefined; at = at.next) yield at;
  }
}
