/**
 * Nodes of actors, and those outside, over simulated lanes, all drawn from a seed: who is next, when a snapshot is cut,
 * given up or gone back to. Throws an error when a rule is broken:
 *
 *  - A complete snapshot holds the money of the beginning and of each deposit ahead of outside's cut, once.
 *  - What one actor gives another arrives in order, none twice and none missing.
 *  - Every ask from outside is answered once, and no answer comes for nobody.
 */

import {
  type ActorNode,
  type ActorRef,
  type AskResult,
  defineActor,
  describeNode,
  type Envelope,
  type NodeImage,
  restoreNode,
} from '../../../src/actors/index.js';
import { ActorNode as Node } from '../../../src/actors/node/actor-node.js';
import { OUTSIDE } from '../../../src/actors/placement.js';
import {
  decodeNodePart,
  encodeNodePart,
  type NodeSections,
} from '../../../src/actors/snapshot/node-part.js';
import { Participant } from '../../../src/actors/snapshot/participant.js';
import { type Random, randomInt, seededRandom } from '../../../src/base/random.js';
import { copyValue } from '../../../src/codec/value-codec.js';
import { Outside, type OutsideCommand, type OutsideEvent } from '../../../src/system/outside.js';

export const BUGS = [
  'a marker overtakes',
  'channels are forgotten',
  'the journal is sent twice',
  'timers are lost',
  'a lane changes the order',
] as const;
export type Bug = (typeof BUGS)[number];

const PURSES = 6;
const FIRST = 100;
const LONG_MS = 1_000_000_000;

interface Gift {
  readonly amount: number;
  /** Counted for each pair; 0: of a timer or from outside. */
  readonly n: number;
}

const Purse = defineActor(import.meta.url, 'SimPurse', {
  initial: () => ({
    money: FIRST,
    sent: {} as Record<string, number>,
    had: {} as Record<string, number>,
  }),
  handlers: {
    give(state, { amount, n }: Gift, ctx) {
      state.money += amount;
      if (n === 0) return;
      const from = ctx.sender!.path;
      const had = state.had[from] ?? 0;
      if (n !== had + 1) throw new Error(`gift ${n} of ${from} came after ${had}`);
      state.had[from] = n;
    },
    deposit(state, amount: number) {
      state.money += amount;
      return amount;
    },
    take(state, amount: number) {
      state.money -= amount;
      return amount;
    },
    got(state, result: AskResult) {
      state.money += result.ok ? (result.value as number) : 0;
    },
    pass(state, hops: number, ctx) {
      const amount = 1 + Math.floor(ctx.random() * 20);
      const to: ActorRef = ctx.shard(Purse, `${Math.floor(ctx.random() * PURSES)}`);
      const what = ctx.random();
      if (what < 0.3) {
        state.money -= amount;
        ctx.after(Math.floor(ctx.random() * 50), 'give', { amount, n: 0 });
      } else if (what < 0.6 && to.path !== ctx.self.path) {
        ctx.ask(to, 'take', amount, { reply: 'got', timeoutMs: LONG_MS });
      } else {
        state.money -= amount;
        const n = (state.sent[to.path] ?? 0) + 1;
        state.sent[to.path] = n;
        ctx.send(to, 'give', { amount, n });
      }
      if (hops > 0) ctx.send(to, 'pass', hops - 1);
    },
  },
});

type Item = Envelope | { readonly kind: 'marker'; readonly checkpoint: number };

interface Complete {
  readonly sections: readonly NodeSections[];
}

export interface Outcome {
  readonly snapshots: number;
  readonly rollbacks: number;
  /** Envelopes in flight in complete snapshots. */
  readonly inFlight: number;
}

export class Simulation {
  readonly #random: Random;
  readonly #bug: Bug | undefined;
  readonly #nodes: number;
  readonly #outside: Outside;
  /** By the place in the journal. */
  readonly #deposits: number[] = [];
  readonly #open = new Set<number>();
  #live: ActorNode[] = [];
  #participants: Participant[] = [];
  #lanes = new Map<string, Item[]>();
  #images = new Map<number, NodeImage>();
  #parts = new Map<number, NodeSections>();
  #place: number | undefined;
  #checkpoint = 0;
  #isCutting = false;
  #last: Complete | undefined;
  #now = 0;
  #snapshots = 0;
  #rollbacks = 0;
  #inFlight = 0;

  constructor(seed: number, bug?: Bug) {
    this.#random = seededRandom(seed);
    this.#bug = bug;
    this.#nodes = 1 + this.#int(4);
    this.#outside = new Outside({ nodes: this.#nodes, capacity: 1_000_000, keep: 10 });
  }

  run(steps: number): Outcome {
    this.#begin();
    for (let step = 0; step < steps; step += 1) {
      const act = this.#int(200);
      if (act < 3) this.#cut();
      else if (act === 3) this.#giveUp();
      else if (act === 4) this.#rollBack();
      else if (act < 25) this.#request();
      else this.#step();
    }
    this.#drain();
    this.#giveUp();
    this.#cut();
    this.#drain();
    if (this.#isCutting) throw new Error('a snapshot never ends');
    if (this.#open.size > 0) throw new Error(`${this.#open.size} asks have no answer`);
    return { snapshots: this.#snapshots, rollbacks: this.#rollbacks, inFlight: this.#inFlight };
  }

  #begin(): void {
    const all = Array.from({ length: this.#nodes }, (_, node) => node);
    this.#lanes = new Map();
    this.#participants = all.map(
      (node) => new Participant([OUTSIDE, ...all.filter((other) => other !== node)]),
    );
    this.#live = all.map((node) => this.#node(node));
    this.#outsideHears({ kind: 'connected' });
  }

  #node(node: number): ActorNode {
    const options = {
      node,
      random: seededRandom(this.#int(1_000_000)),
      isHere: ({ path }: { readonly path: string }) => this.#homeOf(path) === node,
      observe: (event: { readonly kind: string }) => {
        throw new Error(`a node tells of ${JSON.stringify(event)}`);
      },
      out: (envelope: Envelope) => this.#out(node, envelope),
    };
    const sections = this.#last?.sections[node];
    if (sections === undefined) {
      const made = new Node(options);
      made.start(this.#now);
      made.sharded(Purse);
      return made;
    }
    const { image, channels } = decodeNodePart(sections);
    const made = restoreNode(image, [Purse], options);
    for (const { envelopes } of channels) {
      for (const envelope of envelopes) made.deliver(envelope, this.#now);
    }
    return made;
  }

  #homeOf(path: string): number {
    return Number(path.split('#')[1]) % this.#nodes;
  }

  #out(from: number, envelope: Envelope): void {
    if (envelope.kind === 'answer') this.#put(from, envelope.ask.node, envelope);
    else if (envelope.kind === 'message') this.#put(from, this.#homeOf(envelope.to.path), envelope);
    else throw new Error(`a ${envelope.kind} has nobody it is for`);
  }

  #put(from: number, to: number, item: Item): void {
    const name = `${from}>${to}`;
    const lane = this.#lanes.get(name) ?? [];
    this.#lanes.set(name, lane);
    const isFirst =
      this.#bug === 'a lane changes the order' ||
      (this.#bug === 'a marker overtakes' && item.kind === 'marker');
    if (isFirst) lane.unshift(copyValue(item));
    else lane.push(copyValue(item));
  }

  #request(): void {
    const token = this.#deposits.length + 1;
    const path = `SimPurse#${this.#int(PURSES)}`;
    const isDeposit = this.#int(2) === 0;
    const amount = 1 + this.#int(50);
    this.#deposits.push(isDeposit ? amount : 0);
    const handler = isDeposit ? 'deposit' : 'pass';
    const to = { actor: 'SimPurse', path, incarnation: 0 };
    const message = isDeposit ? amount : this.#int(12);
    const isAsk = isDeposit && this.#int(2) === 0;
    if (isAsk) this.#open.add(token);
    const answer = isAsk ? { timeoutMs: LONG_MS, settled: this.#int(2) === 0 } : undefined;
    const letter = { kind: 'message', to, handler, message } as const;
    const node = this.#homeOf(path);
    this.#outsideHears({ kind: 'request', token, node, letter, path, handler, answer });
  }

  #outsideHears(event: OutsideEvent): void {
    const commands = this.#outside.handle(event, this.#now);
    for (const command of commands) this.#perform(command);
    if (event.kind === 'connected' && this.#bug === 'the journal is sent twice') {
      for (const command of commands) this.#perform(command);
    }
  }

  #perform(command: OutsideCommand): void {
    switch (command.kind) {
      case 'send':
        this.#put(OUTSIDE, command.node, command.envelope);
        return;
      case 'mark':
        for (let node = 0; node < this.#nodes; node += 1) {
          this.#put(OUTSIDE, node, { kind: 'marker', checkpoint: command.checkpoint });
        }
        return;
      case 'part':
        this.#place = command.part.place;
        this.#taken();
        return;
      case 'resolve':
        // What is told is settled at once, and was never open.
        if (command.value === undefined) return;
        if (!this.#open.delete(command.token)) throw new Error('an ask has two answers');
        if (command.value !== this.#deposits[command.token - 1]) throw new Error('a wrong answer');
        return;
      default:
        throw new Error(`outside says ${command.kind}`);
    }
  }

  #cut(): void {
    if (this.#isCutting) return;
    this.#isCutting = true;
    this.#checkpoint += 1;
    this.#parts.clear();
    this.#place = undefined;
    this.#outsideHears({ kind: 'cut', checkpoint: this.#checkpoint });
  }

  #giveUp(): void {
    if (!this.#isCutting) return;
    this.#isCutting = false;
    this.#outsideHears({ kind: 'given-up', checkpoint: this.#checkpoint });
    for (const participant of this.#participants) participant.abort(this.#checkpoint);
  }

  #rollBack(): void {
    this.#giveUp();
    this.#rollbacks += 1;
    this.#outsideHears({ kind: 'disconnected' });
    this.#begin();
  }

  #step(): boolean {
    const lanes = [...this.#lanes].filter(([, items]) => items.length > 0);
    const choice = this.#int(lanes.length + this.#nodes);
    if (choice < lanes.length) {
      const [name, items] = lanes[choice]!;
      const [from, to] = name.split('>').map(Number) as [number, number];
      this.#arrives(from, to, items.shift()!);
    } else {
      this.#now += this.#int(3);
      this.#live[choice - lanes.length]!.run(this.#now, 1 + this.#int(3));
    }
    return lanes.length > 0;
  }

  #arrives(from: number, to: number, item: Item): void {
    if (to === OUTSIDE) {
      if (item.kind === 'marker') this.#outsideHears({ ...item, from });
      else if (item.kind === 'answer') {
        this.#outsideHears({ kind: 'answer', from, ask: item.ask.id, outcome: item.outcome });
      }
      return;
    }
    const participant = this.#participants[to]!;
    if (item.kind !== 'marker') {
      participant.record(from, item);
      this.#live[to]!.deliver(item, this.#now);
      return;
    }
    if (participant.marker(from, item.checkpoint) === 'cut') {
      this.#images.set(to, describeNode(this.#live[to]!));
      for (let node = OUTSIDE; node < this.#nodes; node += 1) {
        if (node !== to) this.#put(to, node, item);
      }
    }
    if (participant.isComplete) this.#complete(to, participant);
  }

  #complete(node: number, participant: Participant): void {
    let { channels } = participant.taken();
    let image = this.#images.get(node)!;
    if (this.#bug === 'channels are forgotten') channels = [];
    if (this.#bug === 'timers are lost') {
      const cells = image.cells.map((cell) =>
        cell.more === undefined ? cell : { ...cell, more: { ...cell.more, timers: undefined } },
      );
      image = { ...image, cells };
    }
    this.#parts.set(node, encodeNodePart({ image, channels }));
    this.#taken();
  }

  #taken(): void {
    if (!this.#isCutting || this.#place === undefined || this.#parts.size < this.#nodes) return;
    const sections = Array.from({ length: this.#nodes }, (_, node) => this.#parts.get(node)!);
    const deposited = this.#deposits.slice(0, this.#place).reduce((sum, one) => sum + one, 0);
    const money = this.#moneyIn(sections);
    const wanted = PURSES * FIRST + deposited;
    if (money !== wanted) throw new Error(`a snapshot holds ${money} instead of ${wanted}`);
    this.#isCutting = false;
    this.#last = { sections };
    this.#snapshots += 1;
    this.#outsideHears({ kind: 'completed', checkpoint: this.#checkpoint });
  }

  #moneyIn(parts: readonly NodeSections[]): number {
    let money = 0;
    let purses = 0;
    for (const { image, channels } of parts.map(decodeNodePart)) {
      for (const { state, letters = [], more } of image.cells) {
        purses += 1;
        money += (state as { readonly money: number }).money;
        for (const letter of [...letters, ...(more?.timers ?? [])]) money += worth(letter);
      }
      for (const { envelopes } of channels) {
        this.#inFlight += envelopes.length;
        for (const envelope of envelopes) {
          if (envelope.kind === 'message') money += worth(envelope);
          else if (envelope.kind === 'answer' && envelope.outcome.ok) {
            money += envelope.outcome.value as number;
          }
        }
      }
    }
    // One that nobody has written to begins with what it has.
    return money + (PURSES - purses) * FIRST;
  }

  #drain(): void {
    for (let left = 400; left > 0; left -= 1) {
      if (this.#step()) left = 400;
    }
  }

  #int(bound: number): number {
    return randomInt(this.#random, bound);
  }
}

function worth(letter: { readonly handler: string; readonly message: unknown }): number {
  switch (letter.handler) {
    case 'give':
      return (letter.message as Gift).amount;
    case 'deposit':
      return letter.message as number;
    case 'got': {
      const result = letter.message as AskResult;
      return result.ok ? (result.value as number) : 0;
    }
    default:
      return 0;
  }
}
