/**
 * Deployed nodes in one thread, run in random order over lanes that are often full, with checkpoints that are taken,
 * given up and overtaken, and gone back to. Money that actors send each other is never more or less.
 */

import { expect, test } from 'vitest';
import { defineActor } from '../../../src/actors/index.js';
import { homesBy, OUTSIDE } from '../../../src/actors/placement.js';
import { decodeNodePart, type NodeSections } from '../../../src/actors/snapshot/node-part.js';
import { type Random, randomInt, seededRandom } from '../../../src/base/random.js';
import { placementTable } from '../../../src/hashring/placement.js';
import { ControlBlock } from '../../../src/threads/control-block.js';
import { ActorDeployment } from '../../../src/workloads/actors/actor-deployment.js';
import type { ActorsEvent } from '../../../src/workloads/actors/actor-types.js';
import { lanesBetween, ThreadLanes } from '../../../src/workloads/actors/thread-lanes.js';

const PURSES = 8;
const TOTAL = PURSES * 100;
const GROUPS = 16;

const Purse = defineActor(import.meta.url, 'Purse', {
  initial: () => ({ money: 100 }),
  mailbox: { capacity: 3 },
  handlers: {
    give(state, amount: number) {
      state.money += amount;
    },
    pass(state, { amount, hops }: { amount: number; hops: number }, ctx) {
      if (state.money < amount) return;
      state.money -= amount;
      if (ctx.random() < 0.1) {
        ctx.after(0, 'give', amount);
        return;
      }
      const to = ctx.shard(Purse, `${Math.floor(ctx.random() * PURSES)}`);
      ctx.send(to, 'give', amount);
      if (hops === 0) return;
      ctx.send(to, 'pass', { amount, hops: hops - 1 });
    },
  },
});

interface Counted {
  readonly handler: string;
  readonly message: unknown;
}
const given = ({ handler, message }: Counted): number =>
  handler === 'give' ? (message as number) : 0;

function moneyIn(parts: readonly NodeSections[]): number {
  let all = 0;
  const purses = new Set<string>();
  for (const { image, channels } of parts.map(decodeNodePart)) {
    for (const { path, state, letters = [], more } of image.cells) {
      purses.add(path);
      all += (state as { readonly money: number }).money;
      for (const letter of letters) all += given(letter);
      for (const { letter } of more?.waiters ?? []) all += given(letter);
      for (const timer of more?.timers ?? []) all += given(timer);
    }
    for (const { envelopes } of channels) {
      for (const envelope of envelopes) if (envelope.kind === 'message') all += given(envelope);
    }
  }
  // One that nobody has written to yet would begin with what it has.
  return all + (PURSES - purses.size) * 100;
}

class World {
  readonly #random: Random;
  readonly #nodes: number;
  readonly #table: Uint16Array;
  #epoch = 0;
  #checkpoint = 0;
  #outside!: ThreadLanes;
  #deployments: ActorDeployment[] = [];
  #parts = new Map<number, NodeSections>();
  complete = 0;
  restores = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
    this.#nodes = 1 + this.#int(3);
    this.#table = placementTable(GROUPS, this.#nodes).slice(1);
  }

  async run(steps: number): Promise<void> {
    await this.#deploy(undefined);
    for (let step = 0; step < steps; step += 1) {
      const act = this.#int(40);
      if (act === 0) this.#mark();
      else if (act === 1) for (const node of this.#deployments) node.abort(this.#checkpoint);
      else if (act < 6) this.#tell();
      else this.#turn(this.#int(this.#nodes));
      if (this.#parts.size === this.#nodes) await this.#taken();
    }
    // All that is on its way arrives: then a snapshot has it all in purses.
    for (let round = 0; round < 2_000; round += 1) this.#turn(round % this.#nodes);
    this.#parts.clear();
    this.#mark();
    for (let round = 0; this.#parts.size < this.#nodes; round += 1) {
      expect(round).toBeLessThan(10_000);
      this.#turn(round % this.#nodes);
    }
    expect(moneyIn([...this.#parts.values()])).toBe(TOTAL);
  }

  async #taken(): Promise<void> {
    const parts = [...this.#parts].sort(([a], [b]) => a - b).map(([, sections]) => sections);
    this.#parts.clear();
    expect(moneyIn(parts)).toBe(TOTAL);
    this.complete += 1;
    if (this.#int(2) === 0) return;
    this.restores += 1;
    await Promise.all(this.#deployments.map((deployment) => deployment.close()));
    await this.#deploy(parts);
  }

  async #deploy(parts: readonly NodeSections[] | undefined): Promise<void> {
    this.#epoch += 1;
    const epoch = this.#epoch;
    const nodes = this.#nodes;
    const indices = Array.from({ length: nodes + 1 }, (_, index) => index);
    const blocks = indices.map(() => new ControlBlock().shared);
    const lanes = lanesBetween(nodes, () => 2 ** (6 + this.#int(7)));
    this.#outside = new ThreadLanes({ index: nodes, nodes, epoch, incarnation: 0, blocks, lanes });
    this.#deployments = indices.slice(0, nodes).map(
      (slot) =>
        new ActorDeployment({
          spec: {
            region: 0,
            slot,
            epoch,
            nodes,
            groups: GROUPS,
            table: this.#table,
            incarnation: 0,
            blocks,
            lanes: lanes.filter(({ from, to }) => from === slot || to === slot),
            restore: parts?.[slot],
            supervisor: undefined,
            sharded: [{ actor: 'Purse', options: {} }],
          },
          stage: {
            report: (event) => epoch === this.#epoch && this.#hear(event),
            failed: () => expect.fail('a node has failed'),
            wake: () => {},
          },
          definitions: [Purse as never],
          block: new ControlBlock(),
          seed: this.#int(1_000_000),
          closed: () => {},
        }),
    );
    for (const deployment of this.#deployments) {
      await deployment.open();
      for (const cell of deployment.cells) cell.start();
    }
  }

  #hear(event: ActorsEvent): void {
    if (event.kind !== 'node-part') return;
    if (event.checkpoint === this.#checkpoint) this.#parts.set(event.slot, event.sections);
  }

  #mark(): void {
    this.#checkpoint += 1;
    this.#parts.clear();
    this.#outside.mark(this.#checkpoint);
  }

  #tell(): void {
    const path = `Purse#${this.#int(PURSES)}`;
    const to = { actor: 'Purse', path, incarnation: 0 };
    const message = { amount: 1 + this.#int(30), hops: this.#int(20) };
    this.#outside.send(homesBy(this.#table)(path), {
      kind: 'message',
      to,
      handler: 'pass',
      message,
    });
    this.#outside.flush();
  }

  #turn(slot: number): void {
    this.#outside.pump();
    this.#outside.take({
      envelope: (_, { kind }) => expect.fail(`a ${kind} went outside`),
      marker: (from) => expect(from).not.toBe(OUTSIDE),
    });
    for (const cell of this.#deployments[slot]!.cells) cell.run(0);
  }

  #int(bound: number): number {
    return randomInt(this.#random, bound);
  }
}

test('no money is lost or made, in any order of turns, over any checkpoint that is gone back to', async () => {
  let complete = 0;
  let restores = 0;
  for (let seed = 1; seed <= 60; seed += 1) {
    const world = new World(seed);
    await world.run(600);
    complete += world.complete;
    restores += world.restores;
  }
  expect(complete).toBeGreaterThan(200);
  expect(restores).toBeGreaterThan(80);
});
