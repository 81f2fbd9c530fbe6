/** What a handler is given beside state and message. Protocol file: shapes only. */

import type { Failure } from '../base/failure.js';
import type { RestartType, Shutdown } from '../supervisor/child-spec.js';
import type { Address } from './actor.js';

/**
 * Where messages to one actor go: plain data, which may stand in messages and states. After a restart by its
 * supervisor it is still the same actor; one that was spawned anew on its path has another incarnation.
 * @typeParam D its definition, for the compiler only
 */
export interface ActorRef<out D = unknown> extends Address {
  /** Name of its definition. */
  readonly actor: string;
  /** `parent/child`; of a sharded actor `Definition#key`. */
  readonly path: string;
  /** 0 for a sharded actor: its key is its identity. */
  readonly incarnation: number;
  /** Never set. */
  readonly definition?: D;
}

/** Names an ask that is answered later than by the handler's return: plain data. */
export interface AskAddress {
  readonly node: number;
  readonly id: number;
}

/** What `ctx.ask(…, { reply })` sends to the handler named by `reply`. */
export type AskResult<R = unknown> =
  | { readonly ok: true; readonly value: R; readonly from: ActorRef; readonly tag?: unknown }
  | {
      readonly ok: false;
      readonly failure: Failure;
      readonly from: ActorRef;
      readonly tag?: unknown;
    };

/** What `ctx.watch(ref, handler)` sends to that handler when the actor has ended for good. */
export interface ActorDown {
  readonly ref: ActorRef;
  readonly reason: 'normal' | 'shutdown' | 'killed' | 'abnormal' | 'not-found';
  readonly failure?: Failure | undefined;
}

export interface SpawnOptions<A = unknown> {
  /** Unique under its parent; without `/`. Default: a number. */
  readonly id?: string | undefined;
  /** Handed to `initial`, also at each restart. */
  readonly args?: A | undefined;
  /**
   * What its parent does when it ends: see supervision. Default `temporary` (it just ends) for a definition with
   * `onError: 'resume'` or `'stop'`, else `permanent`.
   */
  readonly restart?: RestartType | undefined;
  /** How long it may take to stop, in milliseconds. Default 5 000. */
  readonly shutdown?: Shutdown | undefined;
}

export interface AskOptions {
  /** Default 5 000. */
  readonly timeoutMs?: number | undefined;
}

export interface ReplyOptions extends AskOptions {
  /** The handler of this actor that gets the `AskResult`. */
  readonly reply: string;
  /** Comes back with the answer. */
  readonly tag?: unknown;
}

/** Anything with a name and handlers: a definition. */
export interface Defined {
  readonly name: string;
}

/**
 * Everything but `ask` without `reply` leaves when the handler has returned (an async one: when its promise has
 * resolved), all of it or, when the handler throws, none. After that each member throws
 * ERR_HOLDFAST_OUTSIDE_CALLBACK.
 */
export interface ActorContext {
  readonly self: ActorRef;
  /** Who has sent the message; undefined for one from outside, a timer, or a signal. */
  readonly sender: ActorRef | undefined;
  /** The node's clock in milliseconds, as of the beginning of its turn. */
  readonly now: number;
  /** Uniform in [0, 1). */
  random(): number;
  /**
   * @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR, ERR_HOLDFAST_UNKNOWN_HANDLER; ERR_HOLDFAST_UNSUPPORTED_VALUE for
   *   a message that cannot travel
   */
  send(to: ActorRef, handler: string, message?: unknown): void;
  /** The answer, or what became of the ask, comes as a message; nobody waits. */
  ask(to: ActorRef, handler: string, message: unknown, options: ReplyOptions): undefined;
  /**
   * In an async handler: the answer. Leaves at once, while the actor is held.
   * @throws HoldfastError what the asked handler threw; ERR_HOLDFAST_ASK_TIMEOUT, ERR_HOLDFAST_ACTOR_STOPPED,
   *   ERR_HOLDFAST_ASK_CYCLE
   */
  ask(to: ActorRef, handler: string, message?: unknown, options?: AskOptions): Promise<unknown>;
  /** Answers the ask of this message, or a former one that `replyLater` has named. */
  reply(value: unknown, to?: AskAddress): void;
  /** This message's ask stays open, until `reply(value, address)`. Undefined: it was no ask. */
  replyLater(): AskAddress | undefined;
  /**
   * Starts a child of this actor.
   * @throws HoldfastError ERR_HOLDFAST_ACTOR_EXISTS, ERR_HOLDFAST_ACTOR_LIMIT; whatever `initial` throws
   */
  spawn<D extends Defined>(definition: D, options?: SpawnOptions): ActorRef<D>;
  /** The logical actor of a key, on whatever thread. */
  shard<D extends Defined>(definition: D, key: string): ActorRef<D>;
  /**
   * Ends this actor normally, or another one in order.
   * @throws HoldfastError ERR_HOLDFAST_ACTOR_STOPPED when it has been stopped already
   */
  stop(ref?: ActorRef): void;
  /**
   * Sends this actor a message later. A timer with the same `name` is replaced.
   * @returns its name, for `cancel`
   */
  after(ms: number, handler: string, message?: unknown, name?: string): string;
  cancel(timer: string): void;
  /** An `ActorDown` comes to `handler` once the other has ended for good; at once when it does not run. */
  watch(ref: ActorRef, handler: string): void;
  unwatch(ref: ActorRef): void;
  /** When one of the two fails, the other fails, too. */
  link(ref: ActorRef): void;
  unlink(ref: ActorRef): void;
  /** A message `m` goes to the handler `behaviour.m` from now on, where there is one. Undefined: to `m` again. */
  become(behaviour: string | undefined): void;
  /** Puts this message by until `unstash`; its ask stays open. @throws HoldfastError ERR_HOLDFAST_MAILBOX_FULL */
  stash(): void;
  /** What was put by comes next, in the order in which it came. */
  unstash(): void;
}
