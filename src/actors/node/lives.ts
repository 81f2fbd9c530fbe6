/**
 * How actors of a node begin and end.
 *
 *  L1  Children end before their parent, and an async handler before its actor, unless it takes too long or the actor
 *      has failed.
 *  L2  An actor that its supervisor restarts keeps its address and its mailbox. State, timers, children, open asks and
 *      behaviour are gone; what it had put by comes first.
 *  L3  Whoever waits for an answer of an actor that has ended is told so: nobody waits for ever.
 *  L4  Watchers are told once it has ended for good. Links break at each end; a failure goes along them.
 */

import { type Failure, toFailure } from '../../base/failure.js';
import type { Random } from '../../base/random.js';
import type { Deadline } from '../../supervisor/deadline-queue.js';
import type { ActorDown, ActorRef, SpawnOptions } from '../actor-context.js';
import { type ErrorVerdict, IGNORE } from '../actor-definition.js';
import { actorExists, actorLimit, actorStopped } from '../actor-errors.js';
import { ActorCell, type ActorEnd } from './actor-cell.js';
import type { ActorChild } from './actor-child.js';
import type { ActorKind } from './actor-kind.js';
import { KeyBudgets } from './key-budgets.js';
import type { Post } from './post.js';
import { checkState } from './state-drafts.js';
import { type Added, type KeptActors, type Started, Supervision } from './supervision.js';
import type { Alarm, NodeEvent, World } from './world.js';

const ACTORS_MAX = 5_000_000;
const DEPTH_MAX = 100;
const SHUTDOWN_MS = 5_000;

export class Lives implements KeptActors {
  readonly keys: KeyBudgets;
  readonly #world: World;
  readonly #post: Post;
  readonly #random: Random;
  /** Of actors whose children are restarted. */
  readonly #trees = new Map<ActorCell, Supervision>();
  readonly #parents = new Map<Supervision, ActorCell>();
  readonly #armed = new Map<Supervision, Deadline<Alarm>>();
  /** Children that wait for their supervisor to start them for the first time. */
  readonly #prepared = new Map<string, ActorCell>();
  #isRestoring = false;

  constructor(world: World, post: Post, random: Random) {
    this.#world = world;
    this.#post = post;
    this.#random = random;
    this.keys = new KeyBudgets(random);
    world.activate = (kind, ref) => this.#activate(kind, ref);
  }

  get now(): number {
    return this.#world.now;
  }

  observe(event: NodeEvent): void {
    this.#world.observe(event);
  }

  /** What stands under the trees of parents, those above first. */
  addedToParents(): { readonly parent: string; readonly added: readonly Added[] }[] {
    const all = Array.from(this.#trees, ([{ path }, tree]) => ({
      parent: path,
      added: tree.added(),
    }));
    return all.sort((a, b) => depthOf(a.parent) - depthOf(b.parent));
  }

  /** Meanwhile supervisors start only those who are there: nobody begins who had ended. */
  restoring(start: () => void): void {
    this.#isRestoring = true;
    start();
    this.#isRestoring = false;
  }

  /** Restores who keeps it. */
  keepByKey(cell: ActorCell): void {
    cell.keeper = KEY;
    const atMs = cell.more?.keyDueMs;
    if (cell.life === 'down' && atMs !== undefined) this.#world.alarm(atMs, { kind: 'key', cell });
  }

  treeOf(parent: ActorCell): Supervision | undefined {
    return this.#trees.get(parent);
  }

  /**
   * A child with its first state, which does not run yet.
   * @throws HoldfastError ERR_HOLDFAST_ACTOR_EXISTS, ERR_HOLDFAST_ACTOR_LIMIT; whatever `initial` throws
   */
  prepare(parent: ActorCell | undefined, kind: ActorKind, options: SpawnOptions): ActorCell {
    const world = this.#world;
    const { maxActors = ACTORS_MAX, maxDepth = DEPTH_MAX } = world.options;
    if (world.cells.size >= maxActors) {
      throw actorLimit(`there are ${maxActors} actors already`, maxActors, 'maxActors');
    }
    const base = parent === undefined ? '' : `${parent.path}/`;
    if (depthOf(base) >= maxDepth) {
      throw actorLimit(
        `'${base}' would have children ${maxDepth} levels deep`,
        maxDepth,
        'maxDepth',
      );
    }
    const own = world.nextIncarnation();
    const path = base + (options.id ?? `$${own}`);
    if (world.cells.has(path)) throw actorExists(path);
    const cell = new ActorCell(kind, path, own);
    const state = kind.initial(options.args);
    if (state !== IGNORE) {
      checkState(kind.name, state);
      cell.state = state;
    }
    if (parent !== undefined) cell.extend().parent = parent;
    if (options.args !== undefined) cell.extend().args = options.args;
    if (typeof options.shutdown === 'number') cell.extend().shutdownMs = options.shutdown;
    return cell;
  }

  /** Starts what was prepared. */
  begin(cell: ActorCell, options: SpawnOptions, root: Supervision): void {
    const { kind, path } = cell;
    const parent = cell.more?.parent;
    const restart = options.restart ?? (kind.isFragile ? 'permanent' : 'temporary');
    if (restart === 'temporary') {
      if (cell.state === undefined) return;
      this.#world.cells.set(path, cell);
      if (parent !== undefined) parent.own('children').add(cell);
      this.#run(cell);
      return;
    }
    this.#prepared.set(path, cell);
    const id = path.slice(path.lastIndexOf('/') + 1);
    const { args, shutdown } = options;
    const actor = kind.definition as unknown as ActorChild['actor'];
    const child: ActorChild = { id, actor, args, restart, shutdown };
    const tree = parent === undefined ? root : this.treeFor(parent);
    tree.add(parent?.path ?? '', child, (result) => {
      if (result.kind !== 'refused') return;
      this.#prepared.delete(path);
      const failure = toFailure(actorStopped(path, new Error(result.message)), 'internal');
      this.observe({ kind: 'failed', path, failure });
    });
  }

  /** A supervisor says so. */
  start(tree: Supervision, path: string, child: ActorChild, incarnation: number): Started {
    const world = this.#world;
    const kind = world.kindOf(child.actor.name);
    let cell = this.#prepared.get(path) ?? world.cells.get(path);
    this.#prepared.delete(path);
    if (cell !== undefined && cell.life !== 'down') {
      return { kind: 'start-failed', failure: toFailure(actorExists(path), 'user-code') };
    }
    if (this.#isRestoring && (cell === undefined || (cell.state === undefined && !cell.isComing))) {
      if (cell === undefined) return { kind: 'start-ignored' };
      cell.keeper = { kind: 'tree', tree, incarnation };
      const isDone = child.restart === 'transient' && cell.more?.ending?.reason === 'normal';
      return isDone ? { kind: 'child-started', isDone } : { kind: 'start-ignored' };
    }
    if (cell === undefined) {
      cell = new ActorCell(kind, path, world.nextIncarnation());
      if (child.args !== undefined) cell.extend().args = child.args;
      const parent = this.#parents.get(tree);
      if (parent !== undefined) cell.extend().parent = parent;
    }
    world.cells.set(path, cell);
    cell.keeper = { kind: 'tree', tree, incarnation };
    if (cell.state === undefined) {
      try {
        const state = kind.initial(cell.more?.args);
        if (state === IGNORE) return { kind: 'start-ignored' };
        checkState(kind.name, state);
        cell.state = state;
      } catch (error) {
        return { kind: 'start-failed', failure: toFailure(error, 'user-code') };
      }
    }
    this.#run(cell);
    return { kind: 'child-started' };
  }

  stop(path: string): void {
    const cell = this.#world.cells.get(path);
    if (cell !== undefined) this.end(cell, 'shutdown');
  }

  kill(path: string): void {
    const cell = this.#world.cells.get(path);
    if (cell !== undefined) this.killCell(cell);
  }

  /** Ends it and all below it, whatever they are at. */
  killCell(cell: ActorCell): void {
    if (cell.life === 'down') return;
    this.#abandon(cell, toFailure(actorStopped(cell.path), 'user-code'));
    const more = cell.extend();
    more.ending = { reason: 'killed', failure: more.ending?.failure };
    cell.life = 'stopping';
    for (const child of more.children ?? []) this.killCell(child);
    this.#trees.get(cell)?.hear({ kind: 'stop' });
    // Children of a tree that is slow to stop are not waited for: they are killed here, and the tree hears of it.
    for (const node of this.#trees.get(cell)?.describe().children ?? []) {
      this.kill(`${cell.path}/${node.id}`);
    }
    this.#proceed(cell);
  }

  /** As somebody has asked for: it ends for good, and in order. */
  stopForGood(cell: ActorCell): void {
    if (cell.keeper?.kind !== 'tree') {
      this.end(cell, 'shutdown');
      return;
    }
    (cell.keeper.tree as Supervision).request('terminate-child', cell.path, () => {});
  }

  /** L1. What is ending already ends as it was going to. */
  end(cell: ActorCell, reason: ActorEnd, failure?: Failure): void {
    if (cell.life !== 'running') return;
    cell.life = 'stopping';
    const more = cell.extend();
    more.ending = { reason, failure };
    if (reason === 'abnormal') this.#abandon(cell, failure!);
    else if (cell.held !== undefined && cell.keeper?.kind !== 'tree') {
      this.#world.alarm(this.now + (more.shutdownMs ?? SHUTDOWN_MS), { kind: 'kill', cell });
    }
    this.#trees.get(cell)?.hear({ kind: 'stop' });
    for (const child of [...(more.children ?? [])].reverse()) this.end(child, 'shutdown');
    this.#proceed(cell);
  }

  /** An async handler of it has ended, or a child. */
  proceed(cell: ActorCell): void {
    this.#proceed(cell);
  }

  /** What a throw of its handler means for it. */
  judge(cell: ActorCell, verdict: ErrorVerdict, failure: Failure): void {
    if (verdict === 'resume' || cell.life !== 'running') return;
    const { path, keeper } = cell;
    this.observe({ kind: 'failed', path, failure });
    if (verdict === 'restart') this.end(cell, 'abnormal', failure);
    else if (verdict === 'stop') this.stopForGood(cell);
    else if (keeper?.kind === 'tree') (keeper.tree as Supervision).escalate(path, failure);
    else {
      const parent = cell.more?.parent;
      this.end(cell, 'abnormal', failure);
      if (parent !== undefined) this.end(parent, 'abnormal', failure);
    }
  }

  coming(paths: readonly string[]): void {
    for (const path of paths) {
      const cell = this.#world.cells.get(path);
      if (cell !== undefined) cell.isComing = true;
    }
  }

  rests(path: string, isForgotten: boolean): void {
    const cell = this.#world.cells.get(path);
    if (cell?.life !== 'down') return;
    this.#rest(cell);
    if (isForgotten) this.#world.cells.delete(path);
  }

  over(tree: Supervision, failure: Failure | undefined): void {
    const parent = this.#parents.get(tree);
    if (parent === undefined) {
      this.observe({ kind: 'ended', failure });
      return;
    }
    this.#parents.delete(tree);
    this.#trees.delete(parent);
    for (const path of tree.actors()) this.rests(path, true);
    if (parent.life === 'stopping') this.#proceed(parent);
    else if (failure !== undefined) this.end(parent, 'abnormal', failure);
  }

  arm(tree: Supervision, atMs: number | undefined): void {
    const armed = this.#armed.get(tree);
    if (armed?.atMs === atMs && (armed === undefined || armed.place >= 0)) return;
    if (armed !== undefined) this.#world.alarms.remove(armed);
    if (atMs === undefined) this.#armed.delete(tree);
    else this.#armed.set(tree, this.#world.alarm(atMs, { kind: 'tree', tree }));
  }

  watch(cell: ActorCell, ref: ActorRef, handler: string): void {
    const target = this.#world.lookUp(ref);
    if (target === undefined || (target.life === 'down' && !target.isComing)) {
      const down: ActorDown = { ref, reason: 'not-found' };
      this.#world.signal(cell.ref, handler, down);
      return;
    }
    target.own('watchers').set(cell.path, { ref: cell.ref, handler });
    cell.own('watched').add(ref.path);
  }

  unwatch(cell: ActorCell, ref: ActorRef): void {
    cell.more?.watched?.delete(ref.path);
    this.#world.lookUp(ref)?.more?.watchers?.delete(cell.path);
  }

  link(cell: ActorCell, ref: ActorRef): void {
    const target = this.#world.lookUp(ref);
    if (target?.life !== 'running') {
      this.end(cell, 'abnormal', toFailure(actorStopped(ref.path), 'user-code'));
      return;
    }
    cell.own('links').set(ref.path, target.ref);
    target.own('links').set(cell.path, cell.ref);
  }

  unlink(cell: ActorCell, ref: ActorRef): void {
    cell.more?.links?.delete(ref.path);
    this.#world.lookUp(ref)?.more?.links?.delete(cell.path);
  }

  /** The back-off of its key is over. */
  keyDue(cell: ActorCell): void {
    if (cell.life !== 'down') return;
    if (cell.isComing) this.#startKey(cell);
    else this.#world.cells.delete(cell.path);
  }

  /** A supervisor for the children of an actor. */
  treeFor(parent: ActorCell): Supervision {
    let tree = this.#trees.get(parent);
    if (tree === undefined) {
      const { path } = parent;
      const id = path.slice(path.lastIndexOf('/') + 1);
      const options = { strategy: 'one-for-one', intensity: 3, children: [] } as const;
      tree = new Supervision(id, path, options, this, this.#random);
      this.#trees.set(parent, tree);
      this.#parents.set(tree, parent);
      tree.hear({ kind: 'start' });
    }
    return tree;
  }

  #activate(kind: ActorKind, { path }: ActorRef): ActorCell | undefined {
    const cell = new ActorCell(kind, path, 0);
    cell.keeper = KEY;
    this.#world.cells.set(path, cell);
    this.#startKey(cell);
    return cell;
  }

  #startKey(cell: ActorCell): void {
    const { kind, path } = cell;
    try {
      const state = kind.initial(path.slice(kind.name.length + 1));
      checkState(kind.name, state);
      cell.state = state;
      this.#run(cell);
    } catch (error) {
      this.#keyFailed(cell, toFailure(error, 'user-code'));
    }
  }

  #keyFailed(cell: ActorCell, failure: Failure): void {
    const { path, kind } = cell;
    const answer = this.keys.failed(kind.name, path, this.now);
    cell.isComing = answer.kind === 'restart';
    if (answer.kind === 'restart') {
      const { delayMs } = answer;
      this.observe({ kind: 'restarting', paths: [path], attempt: 1, delayMs, failure });
      this.#keyAlarm(cell, delayMs);
      return;
    }
    const { restMs } = answer;
    this.observe({ kind: 'key-stopped', path, restMs, failure });
    this.#rest(cell);
    this.#keyAlarm(cell, restMs);
  }

  #keyAlarm(cell: ActorCell, ms: number): void {
    cell.extend().keyDueMs = this.now + ms;
    this.#world.alarm(this.now + ms, { kind: 'key', cell });
  }

  #run(cell: ActorCell): void {
    cell.life = 'running';
    cell.isComing = false;
    if (cell.more !== undefined) cell.more.ending = undefined;
    this.#world.wake(cell);
  }

  /** What its async handler is at counts for nothing any more. */
  #abandon(cell: ActorCell, failure: Failure): void {
    const { held } = cell;
    if (held === undefined) return;
    cell.held = undefined;
    held.abandon();
    this.#world.asks.ended(held.letter.run);
    if (held.letter.ask !== undefined) this.#world.answer(held.letter.ask, { ok: false, failure });
  }

  #proceed(cell: ActorCell): void {
    if (cell.life !== 'stopping' || cell.held !== undefined) return;
    if ((cell.more?.children?.size ?? 0) > 0 || this.#trees.has(cell)) return;
    this.#finish(cell);
  }

  #finish(cell: ActorCell): void {
    const more = cell.extend();
    const { reason, failure } = more.ending!;
    cell.life = 'down';
    cell.state = undefined;
    this.#forgetLife(cell);
    const links = [...(more.links?.values() ?? [])];
    for (const ref of links) this.unlink(cell, ref);
    const { path, keeper } = cell;
    if (keeper?.kind === 'tree') {
      const { incarnation } = keeper;
      const event = { kind: 'child-ended', reason, failure, incarnation } as const;
      (keeper.tree as Supervision).ended(path, event);
    } else if (keeper?.kind === 'key' && reason === 'abnormal') this.#keyFailed(cell, failure!);
    else {
      this.#rest(cell);
      this.#world.cells.delete(path);
    }
    if (reason === 'abnormal') for (const ref of links) this.#failLinked(ref, path, failure!);
    const { parent } = more;
    if (parent?.more?.children?.delete(cell) === true) this.#proceed(parent);
  }

  #failLinked(ref: ActorRef, from: string, cause: Failure): void {
    const linked = this.#world.lookUp(ref);
    if (linked === undefined) return;
    const failure = { ...toFailure(actorStopped(from), 'user-code'), cause };
    this.observe({ kind: 'failed', path: linked.path, failure });
    this.end(linked, 'abnormal', failure);
  }

  /** L2, L3 */
  #forgetLife(cell: ActorCell): void {
    const more = cell.more!;
    const world = this.#world;
    for (const timer of more.timers?.values() ?? []) world.alarms.remove(timer as Deadline<Alarm>);
    for (const ask of more.asks ?? []) world.asks.forget(ask);
    if (more.owes !== undefined && more.owes.size > 0) {
      // Only then: an error with its stack takes longer than the rest of a life.
      const failure = toFailure(actorStopped(cell.path), 'user-code');
      for (const ask of more.owes.values()) world.answer(ask, { ok: false, failure });
    }
    for (const path of more.watched ?? []) world.cells.get(path)?.more?.watchers?.delete(cell.path);
    for (const letter of [...(more.stash ?? [])].reverse()) cell.putFirst(letter);
    delete more.timers;
    delete more.asks;
    delete more.owes;
    delete more.watched;
    delete more.stash;
    more.behaviour = undefined;
  }

  /** It stays down: nobody will read its mailbox (L3, L4). */
  #rest(cell: ActorCell): void {
    cell.isComing = false;
    this.#post.empty(cell);
    const { more, ref } = cell;
    if (more?.watchers === undefined) return;
    const { reason, failure } = more.ending ?? { reason: 'abnormal' as const, failure: undefined };
    const watchers = [...more.watchers.values()];
    delete more.watchers;
    for (const { ref: watcher, handler } of watchers) {
      const down: ActorDown = { ref, reason, failure };
      this.#world.lookUp(watcher)?.more?.watched?.delete(cell.path);
      this.#world.signal(watcher, handler, down, ref);
    }
  }
}

const KEY = { kind: 'key' } as const;

function depthOf(base: string): number {
  let depth = 0;
  for (let at = base.indexOf('/'); at >= 0; at = base.indexOf('/', at + 1)) depth += 1;
  return depth;
}
