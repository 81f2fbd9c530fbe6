/** One message on its way to one actor. Letters are chained, so that an empty mailbox holds nothing. */

import type { ActorRef, AskAddress } from '../actor-context.js';

export class Letter {
  next: Letter | undefined = undefined;
  /** Names the run of an async handler that has begun with it, so that its asks can be recognised; 0: none. */
  run = 0;
  readonly to: ActorRef;
  readonly handler: string;
  readonly message: unknown;
  readonly sender: ActorRef | undefined;
  /** Where the answer goes, if one is wanted. */
  readonly ask: AskAddress | undefined;
  /** It takes one of the places of the mailbox: signals, timers and answers do not. */
  readonly counts: boolean;

  constructor(
    to: ActorRef,
    handler: string,
    message: unknown,
    sender: ActorRef | undefined,
    ask: AskAddress | undefined,
    counts: boolean,
  ) {
    this.to = to;
    this.handler = handler;
    this.message = message;
    this.sender = sender;
    this.ask = ask;
    this.counts = counts;
  }
}
