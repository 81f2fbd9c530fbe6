/**
 * Actors in the calling thread, with time by hand: for tests and for looking at what a program does. With a seed, who is
 * next among those that have something to do is chance, and the same seed gives the same order.
 */

import { originalError } from '../base/failure.js';
import { seededRandom } from '../base/random.js';
import type { ActorRef, AskOptions, SpawnOptions } from './actor-context.js';
import type { AnswerOf, AnyDefinition, MessageName, MessageOf } from './actor-definition.js';
import type { ActorChild, ActorGroup } from './node/actor-child.js';
import { ActorNode, type NodeOptions } from './node/actor-node.js';
import type { AskOutcome } from './node/ask-table.js';
import type { ShardOptions } from './node/key-budgets.js';
import { describeNode, restoreNode } from './node/node-image.js';
import type { NodeEvent } from './node/world.js';

export interface LocalOptions extends Partial<Omit<NodeOptions, 'out' | 'wake'>> {
  /** Default: who has waited longest is next. */
  readonly seed?: number | undefined;
  /** Called after each message: what it sees is a node between two messages. It may `replace` it. */
  readonly afterEach?: (() => void) | undefined;
}

/** An actor, for those outside. */
export interface ActorHandle<D> {
  readonly ref: ActorRef<D>;
  /** @throws HoldfastError ERR_HOLDFAST_UNKNOWN_HANDLER, ERR_HOLDFAST_UNSUPPORTED_VALUE */
  tell<N extends MessageName<D>>(name: N, ...message: MessageOf<D, N>): void;
  /** Rejects with what the handler threw, when the actor has ended, or when the time is over. */
  ask<N extends MessageName<D>>(
    name: N,
    ...message: [...MessageOf<D, N>, options?: AskOptions]
  ): Promise<AnswerOf<D, N>>;
}

const ASK_TIMEOUT_MS = 5_000;
const MESSAGES_AT_ONCE = 1_024;
/** An async handler that needs no time goes on within so many turns of the event loop. */
const IDLE_TURNS = 4;
const turnOfLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

export class LocalActors {
  node: ActorNode;
  readonly events: NodeEvent[] = [];
  now = 0;
  readonly #waiting = new Map<number, (outcome: AskOutcome) => void>();
  readonly #options: NodeOptions;
  readonly #afterEach: (() => void) | undefined;
  #lastToken = 0;

  constructor({ seed, afterEach, ...options }: LocalOptions = {}) {
    this.#afterEach = afterEach;
    this.#options = {
      random: seededRandom(1),
      order: seed === undefined ? undefined : seededRandom(seed),
      ...options,
      observe: (event) => {
        this.events.push(event);
        options.observe?.(event);
      },
      out: (envelope) => {
        if (envelope.kind !== 'answer') return;
        const { id } = envelope.ask;
        const settle = this.#waiting.get(id);
        this.#waiting.delete(id);
        settle?.(envelope.outcome);
      },
    };
    this.node = new ActorNode(this.#options);
    this.node.start(0);
  }

  /**
   * Puts in the node's place one that is restored from what it is described by. Who has asked is answered by that.
   * @param definitions of all its actors
   */
  replace(definitions: readonly AnyDefinition[]): void {
    this.node = restoreNode(describeNode(this.node), definitions, this.#options);
  }

  spawn<D extends AnyDefinition>(definition: D, options: SpawnOptions = {}): ActorHandle<D> {
    return this.handle(this.node.spawn(definition, options, this.now));
  }

  sharded<D extends AnyDefinition>(
    definition: D,
    options?: ShardOptions,
  ): { of(key: string): ActorHandle<D> } {
    const refOf = this.node.sharded(definition, options);
    return { of: (key) => this.handle(refOf(key)) };
  }

  /** @throws Error when the supervisor refuses it */
  supervise(id: string, group: Omit<ActorGroup, 'id'> | Omit<ActorChild, 'id'>): void {
    this.node.supervise('', { ...group, id } as ActorGroup, this.now, (result) => {
      if (result.kind === 'refused') throw new Error(`${result.reason}: ${result.message}`);
    });
  }

  /** The actor of a path. @throws Error when there is none */
  at<D extends AnyDefinition>(path: string, definition: D): ActorHandle<D> {
    const ref = this.node.refOf(path, definition);
    if (ref === undefined) throw new Error(`there is no actor '${path}'`);
    return this.handle(ref);
  }

  handle<D>(ref: ActorRef<D>): ActorHandle<D> {
    return {
      ref,
      tell: (name, ...message) => {
        this.node.tell(ref, name, (message as readonly unknown[])[0], this.now);
      },
      ask: (name, ...message) => this.#ask(ref, name, message) as Promise<never>,
    };
  }

  /** Runs until nobody has anything to do, async handlers that need no time included. Time stands still. */
  async settle(): Promise<void> {
    if (this.#afterEach !== undefined) {
      await this.#settleSingly(this.#afterEach);
      return;
    }
    for (let idle = 0; idle < IDLE_TURNS; ) {
      while (this.node.run(this.now, MESSAGES_AT_ONCE)) idle = 0;
      await turnOfLoop();
      idle = this.node.runner.hasCompletions ? 0 : idle + 1;
    }
  }

  /** Async handlers get as far as they can before each call: one that begins anew each time would never end. */
  async #settleSingly(afterEach: () => void): Promise<void> {
    for (let idle = 0; idle < IDLE_TURNS; ) {
      const more = this.node.run(this.now, 1);
      await turnOfLoop();
      while (this.node.runner.hasCompletions) {
        this.node.run(this.now, 0);
        await turnOfLoop();
      }
      afterEach();
      idle = more ? 0 : idle + 1;
    }
  }

  /** As `settle`, then lets time go on, deadline by deadline. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    await this.settle();
    for (;;) {
      const next = this.node.nextDeadline();
      if (next === undefined || next > until) break;
      this.now = Math.max(this.now, next);
      await this.settle();
    }
    this.now = until;
    await this.settle();
  }

  #ask(ref: ActorRef, name: string, given: readonly unknown[]): Promise<unknown> {
    this.#lastToken += 1;
    const token = this.#lastToken;
    const { timeoutMs = ASK_TIMEOUT_MS } = (given[1] ?? {}) as AskOptions;
    return new Promise((resolve, reject) => {
      this.#waiting.set(token, (outcome) => {
        if (outcome.ok) resolve(outcome.value);
        else reject(originalError(outcome.failure));
      });
      this.node.ask(ref, name, given[0], { token, timeoutMs }, this.now);
    });
  }
}
