/** Actors on threads, for those outside of them. */

import type { ActorRef, AskOptions, SpawnOptions } from '../actors/actor-context.js';
import type {
  ActorDefinition,
  AnswerOf,
  AnyDefinition,
  MessageName,
  MessageOf,
} from '../actors/actor-definition.js';
import { unknownActor, unknownHandler } from '../actors/actor-errors.js';
import {
  type ActorChild,
  type ActorGroup,
  type NamedChild,
  withNames,
} from '../actors/node/actor-child.js';
import type { ActorTreeNode } from '../actors/node/actor-node.js';
import { type ActorCommand, subjectOf } from '../actors/node/command.js';
import { travelling } from '../actors/node/travel.js';
import { HoldfastError } from '../base/errors.js';
import {
  badOption,
  checkFlag,
  checkNumber,
  checkObject,
  TIMER_MS_MAX,
} from '../base/option-checks.js';
import type { KillCause } from '../host/host-protocol.js';
import type { AdministrationResult } from '../supervisor/supervisor-protocol.js';
import { openSystem } from './open-system.js';
import type { SystemDriver, SystemEvents } from './system-driver.js';
import type { SystemStatus } from './system-machine.js';
import { resolveSystemOptions, type SystemOptions } from './system-options.js';

export interface TellOptions {
  /** A name of this request: told again with it, it is not done again. */
  readonly id?: string | undefined;
}

export interface SystemAskOptions extends AskOptions {
  /** As of `TellOptions`. A repeat has the same answer. */
  readonly id?: string | undefined;
  /** Answers once a snapshot is complete that holds what the actor did, so that no failure undoes it. Default false. */
  readonly settled?: boolean | undefined;
}

/** The message, if there is one, and options behind it. */
type Given<D, N, O> =
  MessageOf<D, N> extends readonly []
    ? [message?: undefined, options?: O]
    : [...MessageOf<D, N>, options?: O];

/** An actor, for those outside. */
export interface SystemHandle<D> {
  readonly ref: ActorRef<D>;
  /**
   * Resolves when the message is in the journal: from then on it gets there whatever thread dies. It does not outlive
   * the process before a snapshot holds it. When the journal is full, it waits for room.
   * @throws HoldfastError ERR_HOLDFAST_UNKNOWN_HANDLER, ERR_HOLDFAST_UNSUPPORTED_VALUE, ERR_HOLDFAST_BAD_OPTION,
   *   ERR_HOLDFAST_NOT_RUNNING; what the system has failed of
   */
  tell<N extends MessageName<D>>(name: N, ...given: Given<D, N, TellOptions>): Promise<void>;
  /**
   * The answer. After `timeoutMs` (5 000 by default) it is given up.
   * @throws HoldfastError as `tell`; what the handler threw, ERR_HOLDFAST_ASK_TIMEOUT, ERR_HOLDFAST_ACTOR_STOPPED
   */
  ask<N extends MessageName<D>>(
    name: N,
    ...given: Given<D, N, SystemAskOptions>
  ): Promise<AnswerOf<D, N>>;
}

const ASK_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 30_000;
const waiting = { min: 1, max: TIMER_MS_MAX, unit: 'milliseconds' } as const;

export class ActorSystem {
  readonly #driver: SystemDriver;
  readonly #definitions: ReadonlyMap<string, AnyDefinition>;

  /**
   * @returns the system, when all threads run
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ACTOR_DEFINITION, ERR_HOLDFAST_ACTOR_MODULE,
   *   ERR_HOLDFAST_COMPILE; those of the store
   */
  static async start(options: SystemOptions): Promise<ActorSystem> {
    const resolved = resolveSystemOptions(options);
    const driver = await openSystem(resolved);
    return new ActorSystem(driver, resolved.actors);
  }

  private constructor(driver: SystemDriver, actors: readonly AnyDefinition[]) {
    this.#driver = driver;
    this.#definitions = new Map(actors.map((actor) => [actor.name, actor]));
  }

  get status(): SystemStatus {
    return this.#driver.status;
  }

  /** Resolves when the system was stopped, rejects with what it has failed of; never an unhandled rejection. */
  get finished(): Promise<void> {
    return this.#driver.finished;
  }

  /**
   * Starts an actor at the top of the thread where its id has its home.
   * @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR, ERR_HOLDFAST_ACTOR_EXISTS; whatever `initial` throws
   */
  async spawn<D extends AnyDefinition>(
    definition: D,
    options: SpawnOptions = {},
  ): Promise<SystemHandle<D>> {
    const { name } = this.#known(definition);
    const names = ['id', 'args', 'restart', 'shutdown'] as const;
    const given = checkObject('spawn', options, names);
    const incarnation = this.#driver.nextIncarnation();
    const { id = `${name}${incarnation}` } = given;
    checkId('spawn.id', id);
    const args = travelling(given.args, 'args');
    const withArgs = { ...given, id, args };
    const ref = await this.#command({
      kind: 'spawn',
      actor: name,
      options: withArgs,
      incarnation,
    });
    return this.handle(ref as ActorRef<D>);
  }

  /**
   * The actor of a path, when it is there or comes back.
   * @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR
   */
  async find<D extends AnyDefinition>(
    path: string,
    definition: D,
  ): Promise<SystemHandle<D> | undefined> {
    this.#known(definition);
    const ref = (await this.#command({ kind: 'find', path })) as ActorRef<D> | undefined;
    return ref === undefined ? undefined : this.handle(ref);
  }

  /**
   * Adds an actor or a group of them under supervision, on the thread where its id has its home.
   * @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR; ERR_HOLDFAST_BAD_CHILD_SPEC when the supervisor refuses it
   */
  async supervise(
    id: string,
    child: Omit<ActorGroup, 'id'> | Omit<ActorChild, 'id'>,
  ): Promise<void> {
    checkId('supervise.id', id);
    const whole = { ...child, id } as ActorGroup | ActorChild;
    this.#knowAll(whole);
    const named = travelling(withNames(whole), 'group') as NamedChild;
    const incarnation = this.#driver.nextIncarnation();
    const result = (await this.#command({
      kind: 'supervise',
      path: '',
      child: named,
      incarnation,
    })) as AdministrationResult;
    if (result.kind !== 'refused') return;
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_CHILD_SPEC',
      `supervise('${id}') was refused: ${result.message}`,
      { details: { id, reason: result.reason } },
    );
  }

  /** One logical actor for each key, begun by its first message. @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR */
  sharded<D extends AnyDefinition>(definition: D): { of(key: string): SystemHandle<D> } {
    const { name: actor } = this.#known(definition);
    return {
      of: (key) => {
        if (typeof key !== 'string' || key === '') throw badOption('key', key, 'a text');
        const ref = { actor, path: `${actor}#${key}`, incarnation: 0 };
        return this.handle(Object.freeze(ref) as ActorRef<D>);
      },
    };
  }

  /** @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR for a reference to an actor of another system */
  handle<D>(ref: ActorRef<D>): SystemHandle<D> {
    const definition = this.#definitions.get(ref?.actor);
    if (definition === undefined) throw unknownActor(ref?.actor, this.#definitions.keys());
    return {
      ref,
      tell: async (name, ...given) => {
        const [message, options] = given as readonly unknown[] as readonly [
          unknown,
          TellOptions | undefined,
        ];
        const { id } = checkObject('tell', options, ['id']);
        await this.#send(definition, ref, name, message, id);
      },
      ask: async (name, ...given) => {
        const [message, options] = given as readonly unknown[] as readonly [
          unknown,
          SystemAskOptions | undefined,
        ];
        const names = ['id', 'timeoutMs', 'settled'] as const;
        const { id, ...rest } = checkObject('ask', options, names);
        const answer = {
          timeoutMs: checkNumber('ask.timeoutMs', rest.timeoutMs, ASK_TIMEOUT_MS, waiting),
          settled: checkFlag('ask.settled', rest.settled, false),
        };
        return (await this.#send(definition, ref, name, message, id, answer)) as never;
      },
    };
  }

  /** Ends an actor in order. @throws HoldfastError ERR_HOLDFAST_ACTOR_STOPPED when it does not run */
  async stopActor(ref: ActorRef): Promise<void> {
    this.handle(ref); // It is one of this system's.
    await this.#command({ kind: 'stop', ref });
  }

  /**
   * Takes a snapshot of all actors and the messages between them. Waits through a restart.
   * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_FAILED, also when a restart gives up the one that was under way;
   *   ERR_HOLDFAST_NOT_RUNNING
   */
  async snapshot(): Promise<{ readonly checkpoint: number }> {
    return { checkpoint: await this.#driver.snapshot() };
  }

  /** By thread. @throws HoldfastError ERR_HOLDFAST_NOT_RUNNING while it restarts */
  tree(): Promise<readonly (readonly ActorTreeNode[])[]> {
    return this.#driver.tree();
  }

  /** For tests and demonstrations. @throws HoldfastError ERR_HOLDFAST_NOT_RUNNING when that thread is dead */
  kill(thread: number, cause: KillCause | 'terminate' = 'terminate'): void {
    this.#driver.kill(thread, cause);
  }

  /**
   * Takes nothing more in, takes a last snapshot (unless `snapshot: false`), and ends all threads. What is still open
   * then is rejected. Rejects when the snapshot could not be taken; the threads have ended all the same.
   */
  stop(options: { readonly snapshot?: boolean | undefined } = {}): Promise<void> {
    const { snapshot } = checkObject('stop', options, ['snapshot']);
    return this.#driver.stop(checkFlag('stop.snapshot', snapshot, true));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  on<E extends keyof SystemEvents>(event: E, listener: (...args: SystemEvents[E]) => void): this {
    this.#driver.events.on(event, listener as never);
    return this;
  }

  off<E extends keyof SystemEvents>(event: E, listener: (...args: SystemEvents[E]) => void): this {
    this.#driver.events.off(event, listener as never);
    return this;
  }

  once<E extends keyof SystemEvents>(event: E, listener: (...args: SystemEvents[E]) => void): this {
    this.#driver.events.once(event, listener as never);
    return this;
  }

  async #command(command: ActorCommand): Promise<unknown> {
    const path = subjectOf(command);
    return await this.#driver.request({
      node: this.#driver.homeOf(path),
      letter: { kind: 'command', command },
      path,
      handler: command.kind,
      answer: { timeoutMs: COMMAND_TIMEOUT_MS, settled: false },
    });
  }

  #knowAll(child: ActorGroup | ActorChild): void {
    if ('children' in child) for (const below of child.children) this.#knowAll(below);
    else this.#known(child.actor);
  }

  #known(definition: AnyDefinition): AnyDefinition {
    const known = this.#definitions.get(definition?.name);
    if (known === undefined || known !== definition) {
      throw unknownActor(definition?.name, this.#definitions.keys());
    }
    return known;
  }

  async #send(
    { name: actor, handlers }: ActorDefinition,
    to: ActorRef,
    handler: string,
    message: unknown,
    id: string | undefined,
    answer?: { readonly timeoutMs: number; readonly settled: boolean },
  ): Promise<unknown> {
    if (!Object.hasOwn(handlers, handler)) {
      throw unknownHandler(actor, handler, Object.keys(handlers));
    }
    if (id !== undefined && (typeof id !== 'string' || id === '')) {
      throw badOption('id', id, 'a text that is not empty');
    }
    const { path } = to;
    return await this.#driver.request({
      node: this.#driver.homeOf(path),
      letter: { kind: 'message', to, handler, message: travelling(message, 'message') },
      path,
      handler,
      id,
      answer,
    });
  }
}

function checkId(option: string, id: unknown): asserts id is string {
  if (typeof id === 'string' && id !== '' && !id.includes('/')) return;
  throw badOption(option, id, "a text without '/'");
}
