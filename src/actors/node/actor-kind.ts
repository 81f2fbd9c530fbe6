/** A definition as a node uses it. */

import { types } from 'node:util';
import type { ActorContext } from '../actor-context.js';
import {
  type ActorDefinition,
  type ErrorVerdict,
  type MailboxPolicy,
  VERDICTS,
} from '../actor-definition.js';
import { misuse } from '../actor-errors.js';
import { StateDrafts } from './state-drafts.js';

export type Handler = (state: object, message: unknown, ctx: ActorContext) => unknown;

export class ActorKind {
  readonly definition: ActorDefinition;
  readonly name: string;
  readonly capacity: number;
  readonly policy: MailboxPolicy;
  readonly drafts: StateDrafts;
  /** One logical actor per key: activated by its first message. */
  isSharded = false;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #async: ReadonlySet<Handler>;

  /** @param isPlain immer's drafts for all states */
  constructor(definition: ActorDefinition, isPlain: boolean) {
    this.definition = definition;
    this.name = definition.name;
    this.capacity = definition.mailbox.capacity;
    this.policy = definition.mailbox.policy;
    this.drafts = new StateDrafts(definition.name, isPlain);
    this.#handlers = new Map(Object.entries(definition.handlers)) as unknown as ReadonlyMap<
      string,
      Handler
    >;
    this.#async = new Set(
      [...this.#handlers.values()].filter((handler) => types.isAsyncFunction(handler)),
    );
  }

  has(handler: string): boolean {
    return this.#handlers.has(handler);
  }

  /** The handler that a message goes to. */
  find(handler: string, behaviour: string | undefined): Handler | undefined {
    if (behaviour !== undefined) {
      const own = this.#handlers.get(`${behaviour}.${handler}`);
      if (own !== undefined) return own;
    }
    return this.#handlers.get(handler);
  }

  isAsync(handler: Handler): boolean {
    return this.#async.has(handler);
  }

  /** Is there any handler of that behaviour? */
  hasBehaviour(behaviour: string): boolean {
    for (const name of this.#handlers.keys()) if (name.startsWith(`${behaviour}.`)) return true;
    return false;
  }

  handlerNames(): Iterable<string> {
    return this.#handlers.keys();
  }

  initial(args: unknown): unknown {
    return (this.definition.initial as (args: unknown) => unknown)(args);
  }

  /** A decider that throws, or answers nonsense, has failed itself: the actor is restarted. */
  verdict(error: unknown): ErrorVerdict {
    const { onError } = this.definition;
    if (typeof onError !== 'function') return onError;
    try {
      const verdict = onError(error);
      if (VERDICTS.includes(verdict)) return verdict;
      throw misuse(`onError of actor '${this.name}' has answered ${String(verdict)}`);
    } catch {
      return 'restart';
    }
  }

  /** Does a throw ever cost it its life? */
  get isFragile(): boolean {
    const { onError } = this.definition;
    return onError !== 'resume' && onError !== 'stop';
  }
}
