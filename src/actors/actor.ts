/**
 * What an actor is made of. Protocol file: shapes only.
 *
 * An actor, here as in Hewitt's paper and in Erlang/OTP, has an *address*, a *mailbox* of messages, a *behaviour* that
 * takes them one by one, and a failure that is told to whoever supervises it. A *cell* (`cell.ts`) is one actor with all
 * that, and is what a thread's scheduler runs.
 *
 * A task of a stream is a cell with channels beside its mailbox: it is told of checkpoints by messages, and takes
 * records from its channels, which can be stopped one by one. It is restarted with its region and not alone, because
 * what it has taken and sent is one consistent cut with what others have.
 */

import type { Failure } from '../base/failure.js';

/** Where messages to one actor go. Whoever follows it on its path has another incarnation. */
export interface Address {
  readonly path: string;
  readonly incarnation: number;
}

/** What an actor does with a message. `M`: what it can be told, `A`: what it answers. */
export interface Behaviour<M, A> {
  /** What it throws is its failure. */
  receive(message: M): A;
  /** Gives back what it holds. Nothing is called afterwards but `close`, which may be called again. */
  close(): Promise<void>;
}

/** Work that an actor has beside its mailbox: channels to read. */
export interface Work {
  /** Is there something to do now? */
  readonly runnable: boolean;
  /** As of `Tasklet`. */
  run(deadline: number): boolean;
  /** As of `Tasklet`. */
  flushDue(now: number): number | undefined;
}

/** What became of a message that was asked for. */
export type Reply<A> =
  | { readonly kind: 'handled'; readonly answer: A }
  /** Nobody has taken it, or ever will: the actor has stopped, or failed in it. */
  | { readonly kind: 'dead-letter' };

/** What cells have around them. One object for many cells, so that a cell stays small. */
export interface Surroundings<M> {
  /** A message has come. */
  wake(): void;
  /** The actor has failed; told once of each. It takes no messages any more. Its supervisor decides what follows. */
  failed(address: Address, failure: Failure): void;
  /** A message that was told, not asked, and that nobody takes. */
  deadLetter(address: Address, message: M): void;
}
