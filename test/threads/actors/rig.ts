/** Nodes on real threads, with what is outside of them on this one: the lanes as the system has them, and nothing else. */

import type { ActorRef } from '../../../dist/actors/index.js';
import type { AskOutcome } from '../../../dist/actors/node/ask-table.js';
import type { ActorCommand } from '../../../dist/actors/node/command.js';
import type { Envelope, NodeEvent } from '../../../dist/actors/node/world.js';
import { homesBy, OUTSIDE } from '../../../dist/actors/placement.js';
import type { NodeSections } from '../../../dist/actors/snapshot/node-part.js';
import { Participant, type RecordedLane } from '../../../dist/actors/snapshot/participant.js';
import type { Failure } from '../../../dist/base/failure.js';
import { originalError } from '../../../dist/base/failure.js';
import { placementTable } from '../../../dist/hashring/placement.js';
import { compileActors } from '../../../dist/module/compile-actors.js';
import { Pool, type SlotFailure } from '../../../dist/pool/pool.js';
import { workerSpawner } from '../../../dist/pool/worker-link.js';
import { OutsideLanes } from '../../../dist/system/outside-lanes.js';
import type { Actors, ActorsEvent, NodeSpec } from '../../../dist/workloads/actors/actor-types.js';
import { lanesBetween } from '../../../dist/workloads/actors/thread-lanes.js';
import { Account, Echo, Fragile } from './fixtures/people.js';

const GROUPS = 128;

export interface RigOptions {
  readonly nodes?: number;
  readonly ringBytes?: number;
  /** By slot. */
  readonly restore?: readonly NodeSections[];
  readonly timeoutMs?: number;
  readonly supervisor?: NodeSpec['supervisor'];
}

export class Rig {
  readonly nodes: number;
  readonly pool: Pool<Actors>;
  readonly homeOf: (path: string) => number;
  readonly events: ActorsEvent[] = [];
  readonly failures: SlotFailure[] = [];
  /** Snapshots of outside: what answers were on their way. */
  readonly recorded = new Map<number, readonly RecordedLane[]>();
  readonly #waiting = new Map<number, (outcome: AskOutcome) => void>();
  readonly #table: Uint16Array;
  readonly #options: RigOptions;
  readonly #lanes = new OutsideLanes(
    {
      envelope: (from, envelope) => this.#envelope(from, envelope),
      marker: (from, checkpoint) => this.#marker(from, checkpoint),
    },
    (error) => {
      throw error;
    },
  );
  #participant: Participant | undefined;
  #listeners: (() => void)[] = [];
  #last = 0;
  #epoch = 0;

  static async open(options: RigOptions = {}): Promise<Rig> {
    const { timeoutMs = 30_000 } = options;
    const compiled = await compileActors([Account, Echo, Fragile]);
    const rig = new Rig(options, (given) => {
      const spawn = workerSpawner<Actors>(compiled, { heartbeatIntervalMs: 100 });
      return new Pool<Actors>({
        ...given,
        spawn,
        mismatch: () => new Error('two threads have loaded different actors'),
        options: {
          parallelism: options.nodes ?? 2,
          spares: 0,
          heartbeat: { intervalMs: 100, timeoutMs, busyLimitMs: undefined },
          restart: { resetTimeoutMs: 2_000 },
          args: { actors: ['Account', 'Echo', 'Fragile'] },
        },
      });
    });
    await rig.pool.open();
    await rig.#deploy(options.restore);
    return rig;
  }

  private constructor(
    options: RigOptions,
    pool: (given: {
      onEvent: (slot: number, event: ActorsEvent) => void;
      onFailure: (failure: SlotFailure) => void;
      onChange: () => void;
      onBeat: () => void;
    }) => Pool<Actors>,
  ) {
    this.#options = options;
    this.nodes = options.nodes ?? 2;
    this.#table = placementTable(GROUPS, this.nodes).slice(1);
    this.homeOf = homesBy(this.#table);
    this.pool = pool({
      onEvent: (_slot, event) => {
        this.events.push(event);
        this.#changed();
      },
      onFailure: (failure) => {
        this.failures.push(failure);
        this.#changed();
      },
      onChange: () => {},
      onBeat: () => {},
    });
  }

  /** A name with this beginning that lives on that node. */
  nameOn(node: number, beginning: string): string {
    for (let n = 0; ; n += 1)
      if (this.homeOf(`${beginning}${n}`) === node) return `${beginning}${n}`;
  }

  tell(to: ActorRef, handler: string, message?: unknown): void {
    this.#send(this.homeOf(to.path), { kind: 'message', to, handler, message });
  }

  ask(to: ActorRef, handler: string, message?: unknown): Promise<unknown> {
    const { ask, answer } = this.#open();
    this.#send(this.homeOf(to.path), { kind: 'message', to, handler, message, ask });
    return answer;
  }

  command(node: number, command: ActorCommand): Promise<unknown> {
    const { ask, answer } = this.#open();
    this.#send(node, { kind: 'command', command, ask });
    return answer;
  }

  async spawn(id: string, args?: unknown): Promise<ActorRef> {
    this.#last += 1;
    const command = {
      kind: 'spawn',
      actor: 'Echo',
      options: { id, args },
      incarnation: -this.#last,
    };
    return (await this.command(this.homeOf(id), command as ActorCommand)) as ActorRef;
  }

  account(key: number): ActorRef {
    return { actor: 'Account', path: `Account#${key}`, incarnation: 0 };
  }

  /** Asks it something, to be answered to a node that does not exist. */
  breakNode(node: number): void {
    const to = { actor: 'Echo', path: 'nobody', incarnation: 1 };
    this.#send(node, { kind: 'message', to, handler: 'say', message: 1, ask: { node: 9, id: 1 } });
  }

  /** Begins a checkpoint: markers into all lanes. */
  mark(checkpoint: number): void {
    this.#participant = new Participant([
      OUTSIDE,
      ...Array.from({ length: this.nodes }, (_, node) => node),
    ]);
    this.#participant.marker(OUTSIDE, checkpoint);
    this.#lanes.mark(checkpoint);
  }

  /** @returns the parts by slot, once all are there and outside's is, too */
  async snapshot(checkpoint: number): Promise<readonly NodeSections[]> {
    this.mark(checkpoint);
    const parts = () =>
      this.events.flatMap((event) =>
        event.kind === 'node-part' && event.checkpoint === checkpoint ? [event] : [],
      );
    await this.until(() => parts().length === this.nodes && this.recorded.has(checkpoint));
    return parts()
      .sort((a, b) => a.slot - b.slot)
      .map(({ sections }) => sections);
  }

  /** Resolves when it holds; it is looked at whenever something has come in. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#listeners.push(resolve));
  }

  nodeEvents(): readonly NodeEvent[] {
    return this.events.flatMap((event) => (event.kind === 'node-events' ? event.events : []));
  }

  /** What a node has failed of. */
  nodeFailure(slot: number): Failure | undefined {
    const failed = this.events.find((event) => event.kind === 'node-failed' && event.slot === slot);
    return failed?.kind === 'node-failed' ? failed.failure : undefined;
  }

  async close(): Promise<void> {
    this.#lanes.close();
    await this.pool.close(this.failures.length === 0);
  }

  /** What a system does when a thread has died: nothing of this epoch counts, and all go on from these parts. */
  async restart(parts: readonly NodeSections[]): Promise<void> {
    this.#lanes.close();
    const slots = Array.from({ length: this.nodes }, (_, slot) => slot);
    await Promise.all(slots.map((slot) => this.pool.fence(slot, 0, 2_000)));
    await Promise.all(slots.map((slot) => this.pool.ensure(slot)));
    this.events.length = 0;
    await this.#deploy(parts);
  }

  async #deploy(restore: readonly NodeSections[] | undefined): Promise<void> {
    this.#epoch += 1;
    const epoch = this.#epoch;
    const { nodes } = this;
    const { ringBytes = 1 << 16, supervisor } = this.#options;
    const indices = Array.from({ length: nodes + 1 }, (_, index) => index);
    const lanes = lanesBetween(nodes, ringBytes);
    const blocks = indices.map((index) =>
      index === nodes ? this.#lanes.block.shared : this.pool.link(index).block.shared,
    );
    const slots = indices.slice(0, nodes);
    await Promise.all(
      slots.map((slot) =>
        this.pool.link(slot).call('deploy', [
          {
            region: 0,
            slot,
            epoch,
            nodes,
            groups: GROUPS,
            table: this.#table,
            incarnation: this.pool.incarnation(slot),
            blocks,
            lanes: lanes.filter(({ from, to }) => from === slot || to === slot),
            restore: restore?.[slot],
            supervisor,
            sharded: [{ actor: 'Account', options: {} }],
          },
        ]),
      ),
    );
    await Promise.all(slots.map((slot) => this.pool.link(slot).call('start', [epoch])));
    this.#lanes.open({ nodes, epoch, blocks, lanes });
  }

  #envelope(from: number, envelope: Envelope): void {
    this.#participant?.record(from, envelope);
    if (envelope.kind !== 'answer') throw new Error(`a ${envelope.kind} went outside`);
    const settle = this.#waiting.get(envelope.ask.id);
    this.#waiting.delete(envelope.ask.id);
    settle?.(envelope.outcome);
    this.#changed();
  }

  #marker(from: number, checkpoint: number): void {
    if (this.#participant?.marker(from, checkpoint) === 'complete') {
      this.recorded.set(checkpoint, this.#participant.taken().channels);
    }
    this.#changed();
  }

  #open() {
    this.#last += 1;
    const id = this.#last;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, (outcome) => {
        if (outcome.ok) resolve(outcome.value);
        else reject(originalError(outcome.failure));
      });
    });
    return { ask: { node: OUTSIDE, id }, answer };
  }

  #send(node: number, envelope: Envelope): void {
    this.#lanes.send(node, envelope);
  }

  #changed(): void {
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener();
  }
}
