/**
 * The actors of one thread. It has no clock, no chance, no timers of its own: `now` and random come in, it says when it
 * wants to be called again, and what is for other nodes goes out through one function. Whoever drives it calls `deliver`
 * and `run`, and never one of them inside the other.
 */

import { toFailure } from '../../base/failure.js';
import type { AdministrationResult } from '../../supervisor/supervisor-protocol.js';
import type { TreeNode } from '../../supervisor/tree-protocol.js';
import type { ActorRef, Defined, SpawnOptions } from '../actor-context.js';
import {
  type ActorDefinition,
  type AnyDefinition,
  isActorDefinition,
} from '../actor-definition.js';
import {
  actorExists,
  actorStopped,
  askTimeout,
  twoDefinitions,
  unknownActor,
  unknownHandler,
} from '../actor-errors.js';
import type { ActorCell } from './actor-cell.js';
import type { ActorChild, ActorGroup, SuperviseOptions } from './actor-child.js';
import { ActorKind } from './actor-kind.js';
import type { ShardOptions } from './key-budgets.js';
import { Letter } from './letter.js';
import { Lives } from './lives.js';
import { obey } from './obey.js';
import { Post } from './post.js';
import { Runner, shardRef } from './runner.js';
import { Supervision } from './supervision.js';
import { travelling } from './travel.js';
import { type Alarm, type Envelope, World, type WorldOptions } from './world.js';

export interface NodeOptions extends WorldOptions {
  /** Of what stands at the top. Default: one for one, 3 restarts within 5 000 ms. */
  readonly supervisor?: Omit<SuperviseOptions, 'children'> | undefined;
  /** Something has happened outside of `run`: it is to be called soon. */
  readonly wake?: (() => void) | undefined;
}

/** One part of the tree, for people. */
export interface ActorTreeNode {
  readonly path: string;
  readonly kind: 'supervisor' | 'actor';
  readonly state: TreeNode['state'];
  readonly actor?: string | undefined;
  readonly mailbox?: number | undefined;
  readonly restarts?: number | undefined;
  readonly children: readonly ActorTreeNode[];
}

const MESSAGES_AT_ONCE = 16;
/** The tree's own id; no path of an actor holds it. */
const ROOT = 'system';

export class ActorNode {
  readonly world: World;
  readonly lives: Lives;
  readonly root: Supervision;
  readonly runner: Runner;
  readonly post: Post;

  constructor(options: NodeOptions) {
    const world = new World(options);
    this.world = world;
    this.post = new Post(world);
    this.lives = new Lives(world, this.post, options.random);
    const supervisor = { intensity: 3, ...options.supervisor, children: [] };
    this.root = new Supervision(ROOT, '', supervisor, this.lives, options.random);
    this.runner = new Runner(world, this.post, this.lives, this.root, options.wake ?? (() => {}));
  }

  /** Starts the supervisor of all; before that nothing can be supervised. */
  start(now: number): void {
    this.world.now = now;
    this.root.hear({ kind: 'start' });
  }

  /** @throws HoldfastError ERR_HOLDFAST_ACTOR_DEFINITION when another definition has its name */
  register(definition: AnyDefinition): ActorKind {
    if (!isActorDefinition(definition)) throw unknownActor(definition, this.world.kinds.keys());
    const { name, url } = definition;
    const known = this.world.kinds.get(name);
    if (known === undefined) {
      const kind = new ActorKind(
        definition as ActorDefinition,
        this.world.options.drafts === 'immer',
      );
      this.world.kinds.set(name, kind);
      return kind;
    }
    if (known.definition !== (definition as unknown)) {
      throw twoDefinitions(name, [known.definition.url, url]);
    }
    return known;
  }

  /** One logical actor for each key. @throws HoldfastError as `register`; ERR_HOLDFAST_BAD_CHILD_SPEC */
  sharded<D extends AnyDefinition>(
    definition: D,
    options: ShardOptions = {},
  ): (key: string) => ActorRef<D> {
    const kind = this.register(definition);
    this.lives.keys.define(kind.name, options);
    kind.isSharded = true;
    return (key) => shardRef(kind, key) as ActorRef<D>;
  }

  /** @throws HoldfastError ERR_HOLDFAST_ACTOR_EXISTS, ERR_HOLDFAST_ACTOR_LIMIT; whatever `initial` throws */
  spawn<D extends AnyDefinition>(definition: D, options: SpawnOptions, now: number): ActorRef<D> {
    this.world.now = now;
    const kind = this.register(definition);
    const args = travelling(options.args, 'args');
    const cell = this.lives.prepare(undefined, kind, { ...options, args });
    this.lives.begin(cell, options, this.root);
    return cell.ref as ActorRef<D>;
  }

  /**
   * Adds an actor or a group of them under the supervisor of a path; an empty path is the top. `reply` gets what became
   * of it, at once if nothing has to be waited for.
   * @param child of a `simple-one-for-one`: only its id
   */
  supervise(
    path: string,
    child: ActorChild | ActorGroup | string,
    now: number,
    reply: (result: AdministrationResult) => void = () => {},
  ): void {
    this.world.now = now;
    if (typeof child !== 'string') {
      this.#registerAll(child);
      const own = path === '' ? child.id : `${path}/${child.id}`;
      if (this.world.cells.get(own)?.keeper === undefined && this.world.cells.has(own)) {
        throw actorExists(own);
      }
    }
    this.root.add(path, child, reply);
  }

  /** Terminates, restarts or deletes a supervised actor or group. */
  administer(
    kind: 'terminate-child' | 'restart-child' | 'delete-child',
    path: string,
    now: number,
    reply: (result: AdministrationResult) => void = () => {},
  ): void {
    this.world.now = now;
    this.root.request(kind, path, reply);
  }

  /** The reference of an actor that is there, or comes back. */
  refOf<D extends Defined>(path: string, _definition?: D): ActorRef<D> | undefined {
    return this.world.cells.get(path)?.ref as ActorRef<D> | undefined;
  }

  /** @throws HoldfastError ERR_HOLDFAST_ACTOR_STOPPED when it does not run */
  stop(ref: ActorRef, now: number): void {
    this.world.now = now;
    const cell = this.world.lookUp(ref);
    if (
      cell === undefined ||
      cell.life === 'stopping' ||
      (cell.life === 'down' && !cell.isComing)
    ) {
      throw actorStopped(ref.path);
    }
    this.lives.stopForGood(cell);
  }

  /** Stops everything, children before parents. An `ended` event tells when the supervised ones are down. */
  shutdown(now: number): void {
    this.world.now = now;
    for (const cell of [...this.world.cells.values()].reverse()) {
      if (cell.keeper?.kind !== 'tree' && cell.more?.parent === undefined) {
        this.lives.end(cell, 'shutdown');
      }
    }
    this.root.hear({ kind: 'stop' });
  }

  /**
   * From outside. The message is copied.
   * @returns false: it waits for room; a `credit` tells when it has it
   * @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR, ERR_HOLDFAST_UNKNOWN_HANDLER, ERR_HOLDFAST_UNSUPPORTED_VALUE
   */
  tell(to: ActorRef, handler: string, message: unknown, now: number): boolean {
    this.world.now = now;
    this.#check(to, handler);
    const copy = travelling(message, 'message of tell');
    return this.post.send(new Letter(to, handler, copy, undefined, undefined, true), undefined);
  }

  /**
   * From outside: an `answer` for `{ node: −1, id: token }` goes out exactly once.
   * @throws HoldfastError as `tell`
   */
  ask(
    to: ActorRef,
    handler: string,
    message: unknown,
    { token, timeoutMs }: { readonly token: number; readonly timeoutMs: number },
    now: number,
  ): void {
    this.world.now = now;
    this.#check(to, handler);
    const copy = travelling(message, 'message of ask');
    const asker = { kind: 'outside', token } as const;
    const { asks, node } = this.world;
    const id = asks.open({ asker, to, handler, timeoutMs, dueMs: now + timeoutMs });
    this.post.send(new Letter(to, handler, copy, undefined, { node, id }, true), undefined);
  }

  /** From another node. @returns false: it waits for room */
  deliver(envelope: Envelope, now: number): boolean {
    this.world.now = now;
    if (envelope.kind === 'answer') {
      this.world.settle(envelope.ask.id, envelope.outcome);
      return true;
    }
    if (envelope.kind === 'credit') return true;
    if (envelope.kind === 'command') {
      obey(this, envelope);
      return true;
    }
    const { to, handler, message, sender, ask, counts = true } = envelope;
    const letter = new Letter(to, handler, message, sender, ask, counts);
    try {
      this.#check(to, handler);
    } catch (error) {
      this.world.bury(letter, 'unknown-handler', error);
      return true;
    }
    return this.post.send(letter, undefined);
  }

  /**
   * Handles up to `most` messages, and whatever is due at `now`.
   * @param now milliseconds of a clock that does not go back
   * @returns whether there is more to do at once
   */
  run(now: number, most: number): boolean {
    const { world, runner } = this;
    world.now = now;
    runner.complete();
    this.#due();
    const batch = world.options.order === undefined ? MESSAGES_AT_ONCE : 1;
    for (let left = most; left > 0; ) {
      const cell = world.ready.take();
      if (cell === undefined) break;
      left -= runner.work(cell, Math.min(batch, left));
    }
    return this.hasWork;
  }

  /** There is something to do at once. */
  get hasWork(): boolean {
    return this.world.ready.size > 0 || this.runner.hasCompletions;
  }

  /** When `run` has something to do though nothing comes in, in milliseconds of its clock. */
  nextDeadline(): number | undefined {
    const { alarms, asks } = this.world;
    const earliest = Math.min(alarms.earliestMs() ?? Infinity, asks.nextDeadline() ?? Infinity);
    return earliest === Infinity ? undefined : earliest;
  }

  /** What was sent and nobody has taken, or will. */
  get deadLetters(): number {
    return this.world.deadLetters;
  }

  /** Supervisors and what they supervise, then the other actors, children below their parents. */
  tree(now: number): readonly ActorTreeNode[] {
    this.world.now = now;
    const supervised = this.root.describe().children.map((node) => this.#treeNode(node));
    const others: ActorTreeNode[] = [];
    for (const cell of this.world.cells.values()) {
      if (cell.keeper?.kind !== 'tree' && cell.more?.parent === undefined) {
        others.push(this.#actorNode(cell));
      }
    }
    return [...supervised, ...others];
  }

  #treeNode(node: TreeNode, base = ''): ActorTreeNode {
    const path = base + node.path.slice(node.path.indexOf('/') + 1);
    if (node.kind === 'supervisor') {
      const { state, restarts } = node;
      const children = node.children.map((child) => this.#treeNode(child, base));
      return { path, kind: 'supervisor', state, restarts, children };
    }
    const cell = this.world.cells.get(path);
    const { state, restarts } = node;
    if (cell === undefined) return { path, kind: 'actor', state, restarts, children: [] };
    return { ...this.#actorNode(cell), state, restarts };
  }

  #actorNode(cell: ActorCell): ActorTreeNode {
    const { path, kind, used, life, isComing, more } = cell;
    const tree = this.lives.treeOf(cell);
    const kept = tree?.describe().children.map((node) => this.#treeNode(node, `${path}/`)) ?? [];
    const light = Array.from(more?.children ?? [], (child) => this.#actorNode(child));
    const state = life === 'down' && isComing ? 'restarting' : life;
    return {
      path,
      kind: 'actor',
      actor: kind.name,
      state,
      mailbox: used,
      children: [...kept, ...light],
    };
  }

  #check(to: ActorRef, handler: string): void {
    const kind = this.world.kindOf(to?.actor);
    if (!kind.has(handler)) throw unknownHandler(kind.name, handler, kind.handlerNames());
  }

  #registerAll(child: ActorChild | ActorGroup): void {
    if ('children' in child) for (const below of child.children) this.#registerAll(below);
    else this.register(child.actor);
  }

  #due(): void {
    const { world } = this;
    const { now, alarms, asks } = world;
    for (let alarm = alarms.takeDue(now); alarm !== undefined; alarm = alarms.takeDue(now)) {
      this.#ring(alarm);
    }
    for (let ask = asks.takeDue(now); ask !== undefined; ask = asks.takeDue(now)) {
      const { id, to, handler, timeoutMs } = ask;
      const failure = toFailure(askTimeout(to.path, handler, timeoutMs), 'user-code');
      world.settle(id, { ok: false, failure });
    }
  }

  #ring(alarm: Alarm): void {
    switch (alarm.kind) {
      case 'timer': {
        const { cell, name, handler, message } = alarm.timer;
        cell.more?.timers?.delete(name);
        this.world.signal(cell.ref, handler, message);
        return;
      }
      case 'tree':
        alarm.tree.tick();
        return;
      case 'key':
        this.lives.keyDue(alarm.cell);
        return;
      case 'kill':
        if (alarm.cell.life === 'stopping') this.lives.killCell(alarm.cell);
    }
  }
}
