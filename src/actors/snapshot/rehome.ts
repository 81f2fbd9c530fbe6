/**
 * The parts of a snapshot of p nodes as parts for q nodes: each actor, with all that belongs to it, goes to the node
 * that is its home now, and what was on its way goes to whom it was for.
 *
 *  M1  Nothing is lost, and nothing is there twice: states, letters, timers, what is stashed, owed and watched.
 *  M2  Order per sender and receiver: the envelopes of one lane stay in order, and so do the letters of one mailbox.
 *  M3  Open asks get new names, with numbers greater than all of before, and so does every letter, answer and debt that
 *      names one. A name that an actor keeps in its state is understood by every node (node/former-asks.ts).
 *  M4  Incarnations are counted on from the greatest of all nodes: a reference to one that has ended finds nobody.
 *  M5  A sender whose letter waits for room on what is another node now goes on: its letter has left.
 */

import { idOf, subjectOf } from '../node/command.js';
import type { CellImage, LetterImage, MoreImage, NodeImage } from '../node/node-image.js';
import type { Envelope } from '../node/world.js';
import { MovedAsks } from './moved-asks.js';
import type { NodePart } from './node-part.js';
import type { RecordedLane } from './participant.js';

type Homes = (path: string) => number;

/**
 * @param parts of node 0…p − 1
 * @param nodes q
 * @param homeOf the node, 0…q − 1, of the actor of a path
 * @returns of node 0…q − 1. They share what they can with those given. Lanes are still called by the nodes of before.
 */
export function rehome(
  parts: readonly NodePart[],
  nodes: number,
  homeOf: Homes,
): readonly NodePart[] {
  const images = parts.map(({ image }) => image);
  const asks = new MovedAsks(images, nodes, homeOf);
  const cells = dealt(nodes, ({ path }) => homeOf(path), movedCells(images, asks, homeOf));
  const ready = dealt(
    nodes,
    homeOf,
    images.flatMap((image) => image.ready),
  );
  const commands = dealt(
    nodes,
    ({ command }) => homeOf(subjectOf(command)),
    images.flatMap((image) => image.commands ?? []),
  );
  const channels = movedChannels(parts, nodes, asks, homeOf);
  const common = {
    format: 1,
    now: Math.max(...images.map(({ now }) => now)),
    lastIncarnation: Math.max(...images.map(({ lastIncarnation }) => lastIncarnation)), // M4
    sharded: [
      ...new Map(images.flatMap(({ sharded }) => sharded.map((one) => [one.actor, one]))).values(),
    ],
    formerAsks: asks.former,
  } as const;
  return Array.from({ length: nodes }, (_, node) => ({
    image: {
      ...common,
      lastRun: asks.lastRun(node),
      deadLetters: node === 0 ? images.reduce((all, { deadLetters }) => all + deadLetters, 0) : 0,
      cells: cells[node]!,
      ready: ready[node]!,
      asks: asks.table(node),
      commands: commands[node]!,
      trees: movedTrees(images, node, homeOf),
    },
    channels: channels[node]!,
  }));
}

/** In order, each at its home. */
function dealt<T>(nodes: number, homeOf: (item: T) => number, items: readonly T[]): readonly T[][] {
  const homes: T[][] = Array.from({ length: nodes }, () => []);
  for (const item of items) homes[homeOf(item)]!.push(item);
  return homes;
}

function movedCells(images: readonly NodeImage[], asks: MovedAsks, homeOf: Homes): CellImage[] {
  return images.flatMap(({ cells }, at) =>
    cells.map((cell) => {
      const node = homeOf(cell.path);
      const letterOf = (letter: LetterImage): LetterImage => ({
        ...letter,
        ask: letter.ask === undefined ? undefined : asks.name(letter.ask),
        run: asks.run(at, node, letter.run),
      });
      const { letters, more } = cell;
      return {
        ...cell,
        letters: letters?.map(letterOf),
        more:
          more === undefined
            ? undefined
            : movedMore(more, asks, letterOf, at, (path) => homeOf(path) === node),
      };
    }),
  );
}

function movedMore(
  more: MoreImage,
  asks: MovedAsks,
  letterOf: (letter: LetterImage) => LetterImage,
  at: number,
  isHere: (path: string) => boolean,
): MoreImage {
  return {
    ...more,
    waiters: more.waiters?.map(({ letter, from }) => ({
      letter: letterOf(letter),
      from: from !== undefined && isHere(from) ? from : undefined, // M5
    })),
    stash: more.stash?.map(letterOf),
    owes: more.owes?.map((ask) => asks.name(ask)),
    asks: more.asks?.map((id) => asks.name({ node: at, id }).id),
  };
}

function movedTrees(images: readonly NodeImage[], node: number, homeOf: Homes): NodeImage['trees'] {
  const trees = images.flatMap((image) => image.trees);
  const tops = trees.filter(({ parent }) => parent === '').flatMap(({ added }) => added);
  const added = tops.filter(({ path, child }) => homeOf(path === '' ? idOf(child) : path) === node);
  const below = trees.filter(({ parent }) => parent !== '' && homeOf(parent) === node);
  return [{ parent: '', added }, ...below];
}

/** M2 */
function movedChannels(
  parts: readonly NodePart[],
  nodes: number,
  asks: MovedAsks,
  homeOf: Homes,
): readonly RecordedLane[][] {
  const homes = Array.from({ length: nodes }, () => new Map<number, Envelope[]>());
  for (const { from, envelopes } of parts.flatMap(({ channels }) => channels)) {
    for (const given of envelopes) {
      const moved = movedEnvelope(given, asks, homeOf);
      if (moved === undefined) continue;
      const lanes = homes[moved.home]!;
      const lane = lanes.get(from) ?? [];
      lanes.set(from, lane);
      lane.push(moved.envelope);
    }
  }
  return homes.map((lanes) =>
    Array.from(lanes, ([from, envelopes]) => ({ from, envelopes })).sort((a, b) => a.from - b.from),
  );
}

/** Undefined: nobody waits for it any more. */
function movedEnvelope(
  envelope: Envelope,
  asks: MovedAsks,
  homeOf: Homes,
): { readonly envelope: Envelope; readonly home: number } | undefined {
  switch (envelope.kind) {
    case 'answer': {
      const ask = asks.open(envelope.ask);
      return ask && { envelope: { ...envelope, ask }, home: ask.node };
    }
    case 'command':
      return { envelope, home: homeOf(subjectOf(envelope.command)) };
    case 'credit':
      return undefined; // A sender does not wait any more (M5).
    default: {
      const home = homeOf(envelope.to.path);
      if (envelope.kind !== 'message' || envelope.ask === undefined) return { envelope, home };
      return { envelope: { ...envelope, ask: asks.name(envelope.ask) }, home };
    }
  }
}
