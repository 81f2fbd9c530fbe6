/**
 * A node as plain data: states, mailboxes, timers, open asks, watches, children, who supervises whom.
 *
 *  I1  An async handler that has not ended counts as not begun: its message comes first again. What it had asked is
 *      recognised when it asks again.
 *  I2  Supervisors begin with their whole budget, and whoever waited for a back-off starts at once; who was being
 *      stopped by its supervisor is not being stopped any more. The rest is what it was.
 */

import { HoldfastError } from '../../base/errors.js';
import { copyValue } from '../../codec/value-codec.js';
import type { ActorRef, AskAddress } from '../actor-context.js';
import type { AnyDefinition } from '../actor-definition.js';
import { ActorCell, type ActorTimer, type CellMore } from './actor-cell.js';
import { withDefinitions } from './actor-child.js';
import type { ActorKind } from './actor-kind.js';
import { ActorNode, type NodeOptions } from './actor-node.js';
import type { AskImage } from './ask-table.js';
import type { CommandEnvelope } from './command.js';
import { type FormerAsksImage, nameOf } from './former-asks.js';
import type { ShardOptions } from './key-budgets.js';
import { Letter } from './letter.js';
import type { Added } from './supervision.js';

export interface LetterImage extends Omit<Letter, 'next'> {}

/** What few actors have, and is plain data. */
const FEW = ['args', 'behaviour', 'nextTimer', 'shutdownMs', 'ending', 'keyDueMs'] as const;

/** What is absent, there is none of: most actors are at rest, and have a state only. */
export interface CellImage {
  readonly path: string;
  readonly actor: string;
  readonly version: number;
  readonly incarnation: number;
  readonly life: ActorCell['life'];
  readonly isComing?: true | undefined;
  readonly keeper: 'tree' | 'key' | undefined;
  readonly state: object | undefined;
  readonly letters?: readonly LetterImage[] | undefined;
  readonly more?: MoreImage | undefined;
}

export interface MoreImage {
  readonly waiters?:
    | readonly { readonly letter: LetterImage; readonly from: string | undefined }[]
    | undefined;
  readonly parent?: string | undefined;
  readonly timers?:
    | readonly {
        readonly name: string;
        readonly atMs: number;
        readonly handler: string;
        readonly message: unknown;
      }[]
    | undefined;
  readonly stash?: readonly LetterImage[] | undefined;
  readonly watchers?:
    | readonly (readonly [string, { readonly ref: ActorRef; readonly handler: string }])[]
    | undefined;
  readonly watched?: readonly string[] | undefined;
  readonly links?: readonly ActorRef[] | undefined;
  readonly owes?: readonly AskAddress[] | undefined;
  readonly asks?: readonly number[] | undefined;
  readonly rest: {
    readonly [K in (typeof FEW)[number]]?: CellMore[K] | undefined;
  };
}

/** Plain data, which the value codec takes. */
export interface NodeImage {
  readonly format: 1;
  readonly now: number;
  readonly lastIncarnation: number;
  readonly lastRun: number;
  readonly deadLetters: number;
  readonly sharded: readonly { readonly actor: string; readonly options: ShardOptions }[];
  readonly cells: readonly CellImage[];
  readonly ready: readonly string[];
  readonly asks: { readonly lastId: number; readonly asks: readonly AskImage[] };
  /** Absent: none has ever moved. */
  readonly formerAsks?: FormerAsksImage | undefined;
  /** Not answered yet. Absent: none. */
  readonly commands?: readonly CommandEnvelope[] | undefined;
  /** What stands under which tree: the node's own (an empty path), and those of parents. */
  readonly trees: readonly { readonly parent: string; readonly added: readonly Added[] }[];
}

/** To be called between two calls of the node. @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE for a state that cannot be kept */
export function describeNode(node: ActorNode): NodeImage {
  return copyValue(viewOf(node), 'node');
}

/** The same for who encodes it at once: it shares states and messages with the node. */
export function viewOf(node: ActorNode): NodeImage {
  const { world, lives, root } = node;
  return {
    format: 1,
    now: world.now,
    lastIncarnation: world.lastIncarnation,
    lastRun: world.lastRun,
    deadLetters: world.deadLetters,
    sharded: [...world.kinds.values()]
      .filter(({ isSharded }) => isSharded)
      .map(({ name }) => ({ actor: name, options: lives.keys.optionsOf(name) })),
    cells: Array.from(world.cells.values(), cellImage),
    ready: Array.from(world.ready, ({ path }) => path),
    asks: world.asks.image(),
    ...present({ formerAsks: world.formerAsks.image(world.now) }),
    ...(world.commands.size === 0 ? {} : { commands: [...world.commands] }),
    trees: [{ parent: '', added: root.added() }, ...lives.addedToParents()],
  };
}

/**
 * @param definitions of all actors that the image holds
 * @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR; ERR_HOLDFAST_STATE_MIGRATION for a state of another version
 *   without a migration
 */
export function restoreNode(
  given: NodeImage,
  definitions: readonly AnyDefinition[],
  options: NodeOptions,
): ActorNode {
  const image = copyValue(given, 'node');
  const node = new ActorNode(options);
  const { world, lives } = node;
  world.now = image.now;
  world.lastIncarnation = image.lastIncarnation;
  world.lastRun = image.lastRun;
  world.deadLetters = image.deadLetters;
  for (const definition of definitions) node.register(definition);
  for (const { actor, options: shard } of image.sharded) {
    const { definition } = world.kindOf(actor);
    node.sharded(definition as unknown as AnyDefinition, shard);
  }
  world.asks.restore(image.asks);
  if (image.formerAsks !== undefined) world.formerAsks.restore(image.formerAsks);
  for (const cell of image.cells)
    world.cells.set(cell.path, cellOf(cell, world.kindOf(cell.actor)));
  for (const cell of image.cells) connect(node, cell);
  lives.restoring(() => {
    node.start(image.now);
    for (const { parent, added } of image.trees) {
      const tree = parent === '' ? node.root : lives.treeFor(world.cells.get(parent)!);
      for (const { path, child } of added) {
        const actors = (name: string) => world.kindOf(name).definition;
        tree.add(
          path,
          typeof child === 'string' ? child : withDefinitions(child, actors),
          () => {},
        );
      }
    }
  });
  // Supervisors have put theirs first. Next is who has waited longest; who was in an async handler comes last.
  world.ready.clear();
  for (const path of image.ready) world.wake(world.cells.get(path)!);
  for (const cell of world.cells.values()) world.wake(cell);
  for (const { path, life, keeper } of image.cells) {
    if (life === 'stopping' && keeper !== 'tree') lives.stopForGood(world.cells.get(path)!);
  }
  for (const command of image.commands ?? []) node.deliver(command, image.now);
  return node;
}

function cellImage(cell: ActorCell): CellImage {
  const { path, kind, incarnation, life, isComing, keeper, state, held, more } = cell;
  const letters =
    held === undefined && cell.first === undefined
      ? undefined
      : Array.from(cell.letters(), letterImage);
  if (held !== undefined) letters!.unshift(letterImage(held.letter)); // I1
  return {
    path,
    actor: kind.name,
    version: kind.definition.version,
    incarnation,
    life,
    ...(isComing ? { isComing } : undefined),
    keeper: keeper?.kind,
    state,
    ...(letters === undefined ? undefined : { letters }),
    ...(more === undefined ? undefined : { more: moreImage(more) }),
  };
}

function moreImage(more: CellMore): MoreImage {
  const { parent, waiters, timers, stash, watchers, watched, links, owes, asks } = more;
  const given: MoreImage = {
    waiters: listed(waiters, ({ letter, from }) => ({
      letter: letterImage(letter),
      from: from?.path,
    })),
    parent: parent?.path,
    timers: listed(timers?.values(), ({ atMs, item }) => {
      const { name, handler, message } = (item as { readonly timer: ActorTimer }).timer;
      return { name, atMs, handler, message };
    }),
    stash: listed(stash, letterImage),
    watchers: listed(watchers, (watcher) => watcher),
    watched: listed(watched, (path) => path),
    links: listed(links?.values(), (ref) => ref),
    owes: listed(owes?.values(), (ask) => ask),
    asks: listed(asks, (ask) => ask),
    rest: present(Object.fromEntries(FEW.map((name) => [name, more[name]]))),
  };
  return present(given);
}

/** Undefined for none. */
function listed<T, R>(items: Iterable<T> | undefined, map: (item: T) => R): R[] | undefined {
  if (items === undefined) return undefined;
  const list = Array.from(items, map);
  return list.length === 0 ? undefined : list;
}

function present<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as T;
}

function letterImage({ to, handler, message, sender, ask, counts, run }: Letter): LetterImage {
  return { to, handler, message, sender, ask, counts, run };
}

function letterOf({ to, handler, message, sender, ask, counts, run }: LetterImage): Letter {
  const letter = new Letter(to, handler, message, sender, ask, counts);
  letter.run = run;
  return letter;
}

function cellOf(image: CellImage, kind: ActorKind): ActorCell {
  const cell = new ActorCell(kind, image.path, image.incarnation);
  cell.state = image.state === undefined ? undefined : migrated(image, kind);
  if (image.keeper !== 'tree') cell.life = image.life === 'stopping' ? 'running' : image.life;
  cell.isComing = image.isComing === true;
  for (const letter of image.letters ?? []) cell.put(letterOf(letter));
  if (image.more !== undefined) Object.assign(cell.extend(), image.more.rest);
  return cell;
}

function migrated({ actor, version, state }: CellImage, { definition }: ActorKind): object {
  if (definition.version === version) return state!;
  if (definition.migrate === undefined || version > definition.version) {
    throw new HoldfastError(
      'ERR_HOLDFAST_STATE_MIGRATION',
      `a state of actor '${actor}' is of version ${version}, and the definition of version ${definition.version} has no ` +
        'migrate for it. Give the definition a migrate(state, version), or restore with the definition of then.',
      { details: { actor, version, wanted: definition.version } },
    );
  }
  return definition.migrate(state, version) as object;
}

/** What points to other actors, or to the node. */
function connect(node: ActorNode, image: CellImage): void {
  const { world } = node;
  const cell = world.cells.get(image.path)!;
  const { more } = image;
  if (more?.parent !== undefined) {
    const parent = world.cells.get(more.parent);
    cell.extend().parent = parent;
    if (parent !== undefined && image.keeper === undefined) parent.own('children').add(cell);
  }
  if (more !== undefined) connectMore(node, cell, more);
  if (image.keeper === 'key') node.lives.keepByKey(cell);
}

function connectMore(node: ActorNode, cell: ActorCell, more: MoreImage): void {
  for (const { name, atMs, handler, message } of more.timers ?? []) {
    node.runner.setTimer(cell, name, atMs, handler, message);
  }
  for (const { letter, from } of more.waiters ?? []) {
    const sender = from === undefined ? undefined : node.world.cells.get(from);
    node.post.park({ letter: letterOf(letter), target: cell, from: sender });
  }
  if (more.stash !== undefined) cell.own('stash').push(...more.stash.map(letterOf));
  for (const [path, watcher] of more.watchers ?? []) cell.own('watchers').set(path, watcher);
  for (const path of more.watched ?? []) cell.own('watched').add(path);
  for (const ref of more.links ?? []) cell.own('links').set(ref.path, ref);
  for (const ask of more.owes ?? []) cell.own('owes').set(nameOf(ask), ask);
  for (const ask of more.asks ?? []) cell.own('asks').add(ask);
}
