/**
 * Performs, on the actors of a node, what one tree of supervisors says. The node has such a tree for all that is
 * supervised by name, and one for each actor that has children which are to be restarted.
 *
 *  U1  What an actor says while the tree is being heard waits in a queue: the tree is never entered twice.
 *  U2  A path of the node is the tree's path without the tree's own id, below `base`.
 *  U3  An actor that is down is either coming, because a restart was told of, or at rest. Who is at rest is told so
 *      once the event has been worked off: its mailbox is emptied then.
 */

import type { Failure } from '../../base/failure.js';
import type { Random } from '../../base/random.js';
import type { ChildSpec } from '../../supervisor/child-spec.js';
import { SupervisionTree, type TreeChildSpec } from '../../supervisor/supervision-tree.js';
import type { AdministrationResult } from '../../supervisor/supervisor-protocol.js';
import type { TreeCommand, TreeEvent, TreeNode } from '../../supervisor/tree-protocol.js';
import {
  type ActorChild,
  type ActorGroup,
  type NamedChild,
  type SuperviseOptions,
  withNames,
} from './actor-child.js';
import type { NodeEvent } from './world.js';

/** What was added under the supervisor of a path. */
export interface Added {
  readonly path: string;
  /** A text: the id of a dynamic child. */
  readonly child: NamedChild | string;
}

/** What a tree has done to actors. */
export interface KeptActors {
  readonly now: number;
  /** @returns what has become of it */
  start(tree: Supervision, path: string, child: ActorChild, incarnation: number): Started;
  stop(path: string): void;
  kill(path: string): void;
  /** These are down, or going down, and will be started. */
  coming(paths: readonly string[]): void;
  /** It is down, and stays so. */
  rests(path: string, isForgotten: boolean): void;
  observe(event: NodeEvent): void;
  /** The tree is over. */
  over(tree: Supervision, failure: Failure | undefined): void;
  /** When the tree wants to be called. */
  arm(tree: Supervision, atMs: number | undefined): void;
}

export type Started =
  /** `isDone`: restored, and it had ended of itself. */
  | { readonly kind: 'child-started' | 'start-ignored'; readonly isDone?: boolean }
  | { readonly kind: 'start-failed'; readonly failure: Failure };

export class Supervision {
  readonly #tree: SupervisionTree;
  readonly #id: string;
  readonly #base: string;
  readonly #actors: KeptActors;
  readonly #leaves = new Map<string, ActorChild>();
  /** The template of each dynamic supervisor. */
  readonly #templates = new Map<string, ActorChild | ActorGroup>();
  readonly #coming = new Set<string>();
  readonly #replies = new Map<number, (result: AdministrationResult) => void>();
  /** By path in the tree, in the order in which they start. */
  readonly #added = new Map<string, Added>();
  #fallen: string[] = [];
  #queue: TreeEvent[] = [];
  #isBusy = false;
  #lastToken = 0;

  /**
   * @param base path of the actor whose children these are; empty for the node's own tree
   * @throws HoldfastError ERR_HOLDFAST_BAD_CHILD_SPEC
   */
  constructor(
    id: string,
    base: string,
    options: SuperviseOptions,
    actors: KeptActors,
    random: Random,
  ) {
    this.#id = id;
    this.#base = base === '' ? '' : `${base}/`;
    this.#actors = actors;
    this.#tree = new SupervisionTree({ ...treeOf(options), id }, random);
    this.#learn(id, options);
  }

  /** Path in the tree of what has this path in the node. */
  treePath(path: string): string {
    return `${this.#id}/${path.slice(this.#base.length)}`;
  }

  hear(event: TreeEvent): void {
    this.#queue.push(event);
    if (this.#isBusy) return; // U1
    this.#isBusy = true;
    try {
      for (let at = 0; at < this.#queue.length; at += 1) {
        for (const command of this.#tree.handle(this.#queue[at]!, this.#actors.now)) {
          this.#perform(command);
        }
        if (at + 1 === this.#queue.length) this.#settle();
      }
    } finally {
      this.#queue = [];
      this.#isBusy = false;
    }
    this.#actors.arm(this, this.#tree.nextDeadline());
  }

  tick(): void {
    this.hear({ kind: 'tick' });
  }

  /** Adds an actor or a group under the supervisor of that path, and starts it. */
  add(
    parent: string,
    child: ActorChild | ActorGroup | string,
    reply: (result: AdministrationResult) => void,
  ): void {
    const isTop = parent === '' || `${parent}/` === this.#base;
    const path = isTop ? this.#id : this.treePath(parent);
    const id = typeof child === 'string' ? child : child.id;
    const given = typeof child === 'string' ? this.#templates.get(path) : child;
    const own = `${path}/${id}`;
    const isNew = given !== undefined && !this.#knows(own);
    if (isNew) this.#learnChild(path, { ...given, id });
    const token = this.#token((result) => {
      if (isNew && result.kind === 'refused') this.#unlearn(own);
      else if (isNew) {
        const what = typeof child === 'string' ? child : withNames(child);
        this.#added.set(own, { path: parent, child: what });
      }
      reply(result);
    });
    if (typeof child === 'string') this.hear({ kind: 'start-child', token, path, id });
    else this.hear({ kind: 'start-child', token, path, spec: specOf(child) });
  }

  /** @param path of an actor or a group */
  request(
    kind: 'terminate-child' | 'restart-child' | 'delete-child',
    path: string,
    reply: (result: AdministrationResult) => void,
  ): void {
    const own = this.treePath(path);
    const token = this.#token((result) => {
      if (result.kind === 'terminated') this.#notComing(own);
      if (result.kind === 'deleted') this.#unlearn(own);
      reply(result);
    });
    this.hear({ kind, token, path: own });
  }

  /** The supervisor of that actor fails. */
  escalate(path: string, failure: Failure): void {
    const own = this.treePath(path);
    this.hear({ kind: 'kill', path: own.slice(0, own.lastIndexOf('/')), failure });
  }

  /** Paths of the actors that it knows. */
  actors(): readonly string[] {
    return Array.from(this.#leaves.keys(), (path) => this.#global(path));
  }

  /** What was added and is still known, as plain data. */
  added(): readonly Added[] {
    return [...this.#added.values()];
  }

  describe(): TreeNode {
    return this.#tree.describe(this.#actors.now);
  }

  #token(reply: (result: AdministrationResult) => void): number {
    this.#lastToken += 1;
    this.#replies.set(this.#lastToken, reply);
    return this.#lastToken;
  }

  #perform(command: TreeCommand): void {
    const actors = this.#actors;
    switch (command.kind) {
      case 'start-child':
        this.#start(command.path, command.incarnation);
        return;
      case 'stop-child':
        actors.stop(this.#global(command.path));
        return;
      case 'kill-child':
        actors.kill(this.#global(command.path));
        return;
      case 'restarting': {
        const { attempt, delayMs, failure } = command;
        const leaves = command.children.flatMap((id) => this.#under(`${command.path}/${id}`));
        for (const path of leaves) this.#coming.add(path);
        for (const id of command.children) this.#beginsAnew(`${command.path}/${id}`);
        const paths = leaves.map((path) => this.#global(path));
        actors.coming(paths);
        actors.observe({ kind: 'restarting', paths, attempt, delayMs, failure });
        return;
      }
      case 'report': {
        const { context, failure } = command;
        actors.observe({ kind: 'report', path: this.#global(command.path), context, failure });
        return;
      }
      case 'escalated': {
        const { failure } = command;
        this.#notComing(command.path);
        this.#beginsAnew(command.path);
        actors.observe({ kind: 'escalated', path: this.#global(command.path), failure });
        return;
      }
      case 'reply': {
        const reply = this.#replies.get(command.token as number);
        this.#replies.delete(command.token as number);
        reply?.(command.result);
        return;
      }
      case 'ended':
        this.#notComing(this.#id);
        actors.over(this, command.reason === 'failed' ? command.failure : undefined);
    }
  }

  #start(path: string, incarnation: number): void {
    this.#coming.delete(path);
    const started = this.#actors.start(
      this,
      this.#global(path),
      this.#leaves.get(path)!,
      incarnation,
    );
    if (started.kind !== 'child-started') this.#fallen.push(path);
    const { isDone = false, ...event } = started as Started & { readonly isDone?: boolean };
    this.hear({ ...event, path, incarnation });
    if (isDone) this.hear({ kind: 'child-ended', reason: 'normal', path, incarnation });
  }

  /** An actor has ended, and is down. */
  ended(path: string, event: Omit<TreeEvent & { kind: 'child-ended' }, 'path'>): void {
    const own = this.treePath(path);
    this.#fallen.push(own);
    this.hear({ ...event, path: own });
  }

  /** U3 */
  #settle(): void {
    const fallen = this.#fallen;
    this.#fallen = [];
    for (const path of new Set(fallen)) {
      if (this.#coming.has(path)) continue;
      const isDynamic = this.#templates.has(path.slice(0, path.lastIndexOf('/')));
      const isForgotten = isDynamic || this.#leaves.get(path)?.restart === 'temporary';
      // One of a group's own specification begins again with the group.
      if (isForgotten && this.#added.delete(path)) this.#leaves.delete(path);
      this.#actors.rests(this.#global(path), isForgotten);
    }
  }

  /** A supervisor that is made anew has only the children of its specification. */
  #beginsAnew(path: string): void {
    for (const added of this.#added.keys()) {
      if (added.startsWith(`${path}/`)) this.#added.delete(added);
    }
  }

  #notComing(path: string): void {
    for (const leaf of this.#coming) {
      if (leaf !== path && !leaf.startsWith(`${path}/`)) continue;
      this.#coming.delete(leaf);
      this.#fallen.push(leaf);
    }
  }

  #global(path: string): string {
    return this.#base + path.slice(this.#id.length + 1);
  }

  #under(path: string): string[] {
    if (this.#leaves.has(path)) return [path];
    return [...this.#leaves.keys()].filter((leaf) => leaf.startsWith(`${path}/`));
  }

  #knows(path: string): boolean {
    return this.#leaves.has(path) || this.#templates.has(path) || this.#under(path).length > 0;
  }

  #learn(path: string, { strategy, children }: SuperviseOptions): void {
    if (strategy === 'simple-one-for-one') this.#templates.set(path, children[0]!);
    else for (const child of children) this.#learnChild(path, child);
  }

  #learnChild(parent: string, child: ActorChild | ActorGroup): void {
    const path = `${parent}/${child.id}`;
    if ('children' in child) this.#learn(path, child);
    else this.#leaves.set(path, child);
  }

  #unlearn(path: string): void {
    for (const leaf of this.#under(path)) {
      this.#leaves.delete(leaf);
      this.#actors.rests(this.#global(leaf), true);
    }
    this.#templates.delete(path);
    for (const added of this.#added.keys()) {
      if (added === path || added.startsWith(`${path}/`)) this.#added.delete(added);
    }
  }
}

function treeOf(options: SuperviseOptions): Omit<TreeChildSpec, 'id'> {
  return { ...options, children: options.children?.map(specOf) };
}

function specOf(child: ActorChild | ActorGroup): ChildSpec | TreeChildSpec {
  if ('children' in child) return { ...treeOf(child), id: child.id };
  const { id, restart, significant, shutdown } = child;
  return { id, restart, significant, shutdown };
}
