/** A few nodes in this thread, with lanes between them that bring what chance says next. */

import {
  type ActorDefinition,
  ActorNode,
  type ActorRef,
  describeNode,
  type Envelope,
  type NodeEvent,
  restoreNode,
} from '../../../src/actors/index.js';
import { homesBy } from '../../../src/actors/placement.js';
import type { NodePart } from '../../../src/actors/snapshot/node-part.js';
import { type Random, randomInt, seededRandom } from '../../../src/base/random.js';
import { placementTable } from '../../../src/hashring/placement.js';

const GROUPS = 16;

export function homesOf(nodes: number): (path: string) => number {
  return homesBy(placementTable(GROUPS, nodes).slice(1));
}

// biome-ignore lint/suspicious/noExplicitAny: of any state, handlers and arguments
export type Definitions = readonly ActorDefinition<any, any, any>[];

export class SomeNodes {
  readonly nodes: readonly ActorNode[];
  readonly events: NodeEvent[] = [];
  /** To those outside. */
  readonly answers: Envelope[] = [];
  now = 0;
  readonly #homeOf: (path: string) => number;
  readonly #random: Random;
  /** By sender, then by receiver. */
  readonly #lanes: Envelope[][][];

  /** @param parts what the nodes are restored from; else they begin */
  constructor(
    definitions: Definitions,
    count: number,
    { seed, parts }: { readonly seed: number; readonly parts?: readonly NodePart[] | undefined },
  ) {
    this.#random = seededRandom(seed);
    this.#homeOf = homesOf(count);
    const numbers = Array.from({ length: count }, (_, node) => node);
    this.#lanes = numbers.map(() => numbers.map(() => []));
    this.nodes = numbers.map((node) => {
      const options = {
        node,
        random: seededRandom(seed + node),
        order: seededRandom(seed + node),
        isHere: ({ path }: { readonly path: string }) => this.#homeOf(path) === node,
        out: (envelope: Envelope) => this.#out(node, envelope),
        observe: (event: NodeEvent) => this.events.push(event),
      };
      const part = parts?.[node];
      const made =
        part === undefined ? new ActorNode(options) : restoreNode(part.image, definitions, options);
      for (const definition of definitions) made.register(definition);
      if (part === undefined) made.start(0);
      return made;
    });
    this.now = Math.max(0, ...(parts ?? []).map(({ image }) => image.now));
    for (const [node, { channels }] of (parts ?? []).entries()) {
      for (const { envelopes } of channels) {
        for (const envelope of envelopes) this.nodes[node]!.deliver(envelope, this.now);
      }
    }
  }

  home(path: string): ActorNode {
    return this.nodes[this.#homeOf(path)]!;
  }

  tell(to: ActorRef, handler: string, message: unknown): void {
    this.home(to.path).tell(to, handler, message, this.now);
  }

  state(path: string): unknown {
    return this.home(path).world.cells.get(path)?.state;
  }

  /** All nodes at one and the same moment, with what is on its way: a consistent cut. */
  cut(): readonly NodePart[] {
    return this.nodes.map((node, to) => ({
      image: describeNode(node),
      channels: this.#lanes
        .map((lanes, from) => ({ from, envelopes: structuredClone(lanes[to]!) }))
        .filter(({ envelopes }) => envelopes.length > 0),
    }));
  }

  /** Brings envelopes and has actors work, by chance. @returns false: there is nothing to do */
  async step(): Promise<boolean> {
    const full = this.#lanes.flatMap((lanes, from) =>
      lanes.flatMap((lane, to) => (lane.length > 0 ? [{ from, to }] : [])),
    );
    if (full.length > 0 && this.#random.next() < 0.5) {
      const { from, to } = full[randomInt(this.#random, full.length)]!;
      this.nodes[to]!.deliver(this.#lanes[from]![to]!.shift()!, this.now);
      return true;
    }
    const first = randomInt(this.#random, this.nodes.length);
    let hasMore = full.length > 0;
    for (let at = 0; at < this.nodes.length; at += 1) {
      const node = this.nodes[(first + at) % this.nodes.length]!;
      const { world, runner } = node;
      const due = node.nextDeadline();
      if (world.ready.size === 0 && !runner.hasCompletions && (due === undefined || due > this.now))
        continue;
      node.run(this.now, 1);
      hasMore = true;
      break;
    }
    await new Promise((resolve) => setImmediate(resolve));
    return hasMore || this.nodes.some(({ runner }) => runner.hasCompletions);
  }

  async settle(): Promise<void> {
    while (await this.step());
  }

  /** Until nothing is left to do, deadlines included. */
  async end(): Promise<void> {
    for (;;) {
      await this.settle();
      const due = Math.min(...this.nodes.map((node) => node.nextDeadline() ?? Infinity));
      if (due === Infinity) return;
      this.now = Math.max(this.now, due);
    }
  }

  #out(from: number, envelope: Envelope): void {
    const to = this.#receiver(envelope);
    if (to === undefined) this.answers.push(envelope);
    else this.#lanes[from]![to]!.push(envelope);
  }

  #receiver(envelope: Envelope): number | undefined {
    switch (envelope.kind) {
      case 'message':
        return this.#homeOf(envelope.to.path);
      case 'answer':
        return envelope.ask.node < 0 ? undefined : envelope.ask.node;
      default:
        return undefined;
    }
  }
}
