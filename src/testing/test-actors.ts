/** Actors in a test: in the calling thread, with time by hand, an order by chance that a seed repeats, and faults. */

import type { ActorRef, SpawnOptions } from '../actors/actor-context.js';
import { type AnyDefinition, isActorDefinition } from '../actors/actor-definition.js';
import { actorStopped, twoDefinitions, unknownActor } from '../actors/actor-errors.js';
import { type ActorHandle, LocalActors } from '../actors/local-actors.js';
import {
  type ActorChild,
  type ActorGroup,
  type SuperviseOptions,
  withDefinitions,
  withNames,
} from '../actors/node/actor-child.js';
import type { ActorTreeNode } from '../actors/node/actor-node.js';
import type { ShardOptions } from '../actors/node/key-budgets.js';
import type { NodeEvent } from '../actors/node/world.js';
import { toFailure } from '../base/failure.js';
import { badOption, checkNumber, checkObject, checkOneOf } from '../base/option-checks.js';
import { copyValue } from '../codec/value-codec.js';
import { ActorFaults } from './actor-faults.js';
import { ActorProbe } from './actor-probe.js';

type Target = { readonly ref: ActorRef } | ActorRef;
type StateOf<D> = D extends { readonly initial: (args: never) => infer S } ? S : never;

/** How a test runs actors. */
export interface TestActorsOptions {
  /** All definitions that take part, as `ActorSystem.start` needs them. */
  readonly actors: readonly AnyDefinition[];
  /**
   * A whole number. Of the actors that have something to do, chance says who is next: the same seed, the same order.
   * Default: who has waited longest is next.
   */
  readonly seed?: number | undefined;
  /**
   * `between-messages`: after each message all actors are described as a snapshot does, and go on from that alone. What
   * an actor keeps outside of its state is lost then, and the test sees it. Default `never`.
   */
  readonly restore?: 'never' | 'between-messages' | undefined;
  /** What the clock shows at first, in milliseconds. Default 0. */
  readonly startMs?: number | undefined;
  /** Of what stands at the top, as of `ActorSystem.start`. */
  readonly supervisor?: Omit<SuperviseOptions, 'children'> | undefined;
  /** `immer`: for the drafts of all states, to compare. Default: `flat` ones where a state is flat. */
  readonly drafts?: 'flat' | 'immer' | undefined;
}

const NAMES = ['actors', 'seed', 'restore', 'startMs', 'supervisor', 'drafts'] as const;
const RESTORES = ['never', 'between-messages'] as const;
const DRAFTS = ['flat', 'immer'] as const;

/**
 * Makes actors ready to be driven by hand. Nothing runs by itself: `settle`, `advance`, `ask` and probes have actors run.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION; ERR_HOLDFAST_ACTOR_DEFINITION when two have one name
 */
export function testActors(options: TestActorsOptions): TestActors {
  return new TestActors(options);
}

export class TestActors {
  readonly #local: LocalActors;
  readonly #faults = new ActorFaults();
  /** By name: those given, with faults within, and those of probes. */
  readonly #definitions = new Map<string, AnyDefinition>();
  readonly #given = new Set<unknown>();
  #work: Promise<void> = Promise.resolve();
  #probes = 0;

  constructor(options: TestActorsOptions) {
    const given = checkObject<TestActorsOptions>('', options, NAMES);
    const integer = true;
    const seed = checkNumber('seed', given.seed, undefined, { min: 0, max: 2 ** 32, integer });
    const restore = checkOneOf('restore', given.restore, 'never', RESTORES);
    const drafts = checkOneOf('drafts', given.drafts, 'flat', DRAFTS);
    const { supervisor } = given;
    const isSingly = restore === 'between-messages';
    const afterEach = isSingly ? () => this.restore() : undefined;
    this.#local = new LocalActors({ seed, drafts, supervisor, afterEach });
    const range = { min: 0, max: Number.MAX_SAFE_INTEGER };
    this.#local.now = checkNumber('startMs', given.startMs, 0, range);
    if (!Array.isArray(given.actors)) throw badOption('actors', given.actors, 'definitions');
    for (const definition of given.actors) this.#add(definition);
  }

  /** What the clock shows, in milliseconds. */
  get now(): number {
    return this.#local.now;
  }

  /** @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR; ERR_HOLDFAST_ACTOR_EXISTS; whatever `initial` throws */
  spawn<D extends AnyDefinition>(definition: D, options?: SpawnOptions): ActorHandle<D> {
    return this.handle(this.#local.spawn(this.#known(definition), options).ref);
  }

  /** One logical actor for each key. @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR */
  sharded<D extends AnyDefinition>(
    definition: D,
    options?: ShardOptions,
  ): { of(key: string): ActorHandle<D> } {
    const { of } = this.#local.sharded(this.#known(definition), options);
    return { of: (key) => this.handle(of(key).ref) };
  }

  /** Adds an actor, or a group of them, under the supervisor at the top. @throws Error when it refuses */
  supervise(id: string, group: Omit<ActorGroup, 'id'> | Omit<ActorChild, 'id'>): void {
    const named = withNames({ ...group, id } as ActorGroup);
    const find = (name: string) => this.#definitionOf(name) as never;
    this.#local.supervise(id, withDefinitions(named, find));
  }

  /** The actor of a path, one of a supervised group for example. @throws HoldfastError ERR_HOLDFAST_ACTOR_STOPPED when there is none */
  at<D extends AnyDefinition>(path: string, definition: D): ActorHandle<D> {
    const ref = this.#local.node.refOf(path, definition);
    if (ref === undefined) throw actorStopped(path);
    return this.handle(ref);
  }

  /**
   * Whoever asks has the actors run until nobody has anything to do. An answer that takes time comes when the test lets
   * time go on: `const answer = actor.ask(…); await actors.advance(100); await answer`.
   */
  handle<D>(ref: ActorRef<D>): ActorHandle<D> {
    const handle = this.#local.handle(ref);
    const ask = handle.ask as (...given: readonly unknown[]) => Promise<never>;
    return {
      ref,
      tell: handle.tell,
      ask: (...given) => {
        const answer = ask(...given);
        answer.catch(() => {}); // It may reject while actors run, before the test looks at it.
        const first = this.settle().then(() => answer);
        first.catch(() => {});
        return first;
      },
    };
  }

  /** Takes the place of an actor of that definition: to see what others send to it, and to answer. */
  probe<D extends AnyDefinition>(definition: D): ActorProbe<D> {
    this.#known(definition);
    this.#probes += 1;
    const name = `${definition.name} probe ${this.#probes}`;
    const probe = new ActorProbe<D>(definition, { name, settle: () => this.settle() });
    this.#definitions.set(name, probe.definition);
    probe.ref = this.#local.spawn(probe.definition, { id: name }).ref as ActorRef<D>;
    return probe;
  }

  /** Has actors run until nobody has anything to do. No time goes by. */
  settle(): Promise<void> {
    return this.#next(() => this.#local.settle());
  }

  /**
   * As `settle`, then lets time go on, from one deadline to the next: timers, deadlines of asks, back-offs.
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
   */
  advance(ms: number): Promise<void> {
    if (!Number.isFinite(ms) || ms < 0) throw badOption('advance(ms)', ms, 'milliseconds, from 0');
    return this.#next(() => this.#local.advance(ms));
  }

  /**
   * The next message that this actor takes throws in the place of its handler; what follows is as its `onError` says.
   * Each call is one more message.
   */
  throwNext(target: Target, error: unknown = new Error('a fault of the test')): void {
    this.#faults.throwNext(refOf(target).path, error);
  }

  /**
   * The actor fails now, between two messages: whoever supervises it decides.
   * @throws HoldfastError ERR_HOLDFAST_ACTOR_STOPPED when it does not run
   */
  kill(target: Target, error: unknown = new Error('killed by the test')): void {
    const ref = refOf(target);
    const { node, now } = this.#local;
    const cell = node.world.lookUp(ref);
    if (cell?.life !== 'running') throw actorStopped(ref.path);
    node.world.now = now;
    node.lives.judge(cell, 'restart', toFailure(error, 'user-code'));
  }

  /** Ends it in order, as `stopActor` of a system. @throws HoldfastError ERR_HOLDFAST_ACTOR_STOPPED when it does not run */
  stop(target: Target): void {
    this.#local.node.stop(refOf(target), this.#local.now);
  }

  /**
   * Describes all actors, and what is between them, as a snapshot does, and goes on from that alone.
   * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for a state that a snapshot cannot keep
   */
  restore(): void {
    this.#local.replace([...this.#definitions.values()]);
  }

  /** A copy of an actor's state; undefined when there is no such actor. */
  state<D>(target: ActorHandle<D>): StateOf<D> | undefined {
    const state = this.#local.node.world.lookUp(target.ref)?.state;
    return state === undefined ? undefined : (copyValue(state, 'state') as StateOf<D>);
  }

  /** What has happened that is worth telling, in order: failures, restarts, dead letters. */
  get events(): readonly NodeEvent[] {
    return this.#local.events;
  }

  /** Of the events, those of messages that nobody has taken, or will. */
  get deadLetters(): readonly (NodeEvent & { readonly kind: 'dead-letter' })[] {
    return this.#local.events.filter((event) => event.kind === 'dead-letter');
  }

  /** Supervisors and actors, children below their parents. */
  tree(): readonly ActorTreeNode[] {
    return this.#local.node.tree(this.now);
  }

  /** One after another: what two of them did at once would come in another order each time. */
  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }

  #add(definition: unknown): void {
    if (!isActorDefinition(definition)) {
      throw badOption('actors', definition, 'what defineActor has given');
    }
    const { name, url } = definition;
    const other = this.#definitions.get(name);
    if (other !== undefined) throw twoDefinitions(name, [other.url, url]);
    const own = this.#faults.within(definition as AnyDefinition);
    this.#given.add(definition);
    this.#definitions.set(name, own);
    this.#local.node.register(own);
  }

  #known<D extends AnyDefinition>(definition: D): D {
    if (!this.#given.has(definition)) {
      throw unknownActor(
        (definition as { name?: unknown } | undefined)?.name,
        this.#definitions.keys(),
      );
    }
    return this.#definitions.get(definition.name) as D;
  }

  #definitionOf(name: string): AnyDefinition {
    const definition = this.#definitions.get(name);
    if (definition === undefined) throw unknownActor(name, this.#definitions.keys());
    return definition;
  }
}

function refOf(target: Target): ActorRef {
  return 'ref' in target ? target.ref : target;
}
