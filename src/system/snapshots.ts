/**
 * Performs what the coordinator of snapshots decides: markers, parts, manifests.
 *
 *  Z1  A part of another epoch, or of a snapshot that was given up, is dropped; what was written of it is removed.
 *  Z2  The fate of a snapshot whose manifest is being written is waited for before anybody goes back to one (`settled`).
 */

import type { NodeSections } from '../actors/snapshot/node-part.js';
import { DeadlineTimer } from '../base/deadline-timer.js';
import { type Deferred, deferred } from '../base/deferred.js';
import { EventLine } from '../base/event-line.js';
import { type Failure, failureToError, toFailure } from '../base/failure.js';
import {
  Coordinator,
  type CoordinatorCommand,
  type CoordinatorEvent,
} from '../checkpoint/coordinator.js';
import type {
  CheckpointStore,
  Manifest,
  PartDescriptor,
  PartSection,
} from '../checkpoint/store.js';
import { decodedValue, encodedValue } from '../codec/encoded-value.js';
import { packageVersion } from '../module/own-package.js';
import type { OutsidePart } from './outside.js';

const TIMEOUT_MS = 600_000;
/** Failures in a row that do not yet roll the system back. */
const TOLERABLE_FAILURES = 3;

export type SnapshotEvent =
  | { readonly kind: 'completed'; readonly checkpoint: number; readonly durationMs: number }
  | { readonly kind: 'failed'; readonly checkpoint: number; readonly failure: Failure };

export interface SnapshotsOptions {
  readonly store: CheckpointStore;
  readonly name: string;
  readonly run: string;
  readonly hash: string;
  readonly table: Uint16Array;
  readonly nodes: number;
  readonly intervalMs: number;
  readonly retain: number;
  readonly latest: Manifest | undefined;
  readonly lastCheckpoint: number;
  /** Those outside cut, and put out markers. */
  readonly begin: (checkpoint: number) => void;
  readonly abort: (checkpoint: number) => void;
  readonly tell: (event: SnapshotEvent) => void;
  /** Too many have failed. */
  readonly giveUp: (failure: Failure) => void;
}

interface Pending {
  readonly checkpoint: number;
  readonly epoch: number;
  readonly parts: PartDescriptor[];
}

export class Snapshots {
  readonly #given: SnapshotsOptions;
  readonly #coordinator: Coordinator;
  readonly #requests = new Map<number, Deferred<number>>();
  #pending: Pending | undefined;
  #latest: Manifest | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #line = new EventLine<CoordinatorEvent>(
    (event) => {
      const commands = this.#coordinator.handle(event, performance.now());
      for (const command of commands) this.#perform(command);
    },
    () => {
      if (this.#closed === undefined) this.#timer.set(this.#coordinator.nextDeadline());
    },
  );
  #token = 0;
  readonly #timer = new DeadlineTimer(() => this.#line.tell({ kind: 'tick' }));
  #closed: Error | undefined;

  constructor(given: SnapshotsOptions) {
    this.#given = given;
    this.#latest = given.latest;
    this.#coordinator = new Coordinator({
      intervalMs: given.intervalMs,
      timeoutMs: TIMEOUT_MS,
      minPauseMs: 0,
      tolerableFailures: TOLERABLE_FAILURES,
      periodic: true,
      maxConcurrent: 1,
    });
  }

  /** The newest complete one. */
  get latest(): Manifest | undefined {
    return this.#latest;
  }

  /** Z2 */
  async settled(): Promise<void> {
    let writing: Promise<unknown>;
    do {
      writing = this.#writing;
      await writing;
    } while (writing !== this.#writing);
  }

  started(epoch: number): void {
    const nodes = Array.from({ length: this.#given.nodes }, (_, node) => nodeTask(node));
    const { lastCheckpoint } = this.#given;
    this.#line.tell({ kind: 'started', epoch, tasks: [...nodes, OUTSIDE_TASK], lastCheckpoint });
  }

  stopped(): void {
    this.#line.tell({ kind: 'stopped' });
  }

  /** @returns its id, once it is complete */
  request(): Promise<number> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    this.#token += 1;
    const answer = deferred<number>();
    this.#requests.set(this.#token, answer);
    this.#line.tell({ kind: 'request', token: this.#token, reason: 'manual' });
    return answer.promise;
  }

  async nodePart(
    slot: number,
    incarnation: number,
    { epoch, checkpoint, sections }: NodePartTold,
  ): Promise<void> {
    const stored = (['image', 'channels'] as const).map((name) => ({
      operator: 'node',
      name,
      chunks: [sections[name]],
    }));
    const place = { vertex: 'actors', instance: slot, incarnation, epoch, checkpoint };
    await this.#write(nodeTask(slot), place, stored);
  }

  declined(slot: number, epoch: number, checkpoint: number, failure: Failure): void {
    this.#line.tell({ kind: 'declined', epoch, checkpoint, task: nodeTask(slot), failure });
  }

  async outsidePart(checkpoint: number, part: OutsidePart): Promise<void> {
    const epoch = this.#pending?.epoch ?? 0;
    const place = { vertex: 'outside', instance: 0, incarnation: 0, epoch, checkpoint };
    let chunks: readonly Uint8Array[];
    try {
      chunks = [encodedValue(part, 'outside')];
    } catch (error) {
      const failure = toFailure(error, 'checkpoint');
      this.#line.tell({ kind: 'declined', epoch, checkpoint, task: OUTSIDE_TASK, failure });
      return;
    }
    await this.#write(OUTSIDE_TASK, place, [{ operator: 'outside', name: 'outside', chunks }]);
  }

  /** What waits is rejected. Nothing is written any more once it resolves. */
  async close(error: Error): Promise<void> {
    this.#closed = error;
    this.#line.tell({ kind: 'stopped' });
    this.#timer.set(undefined);
    for (const answer of this.#requests.values()) answer.reject(error);
    this.#requests.clear();
    await this.settled();
  }

  async #write(
    task: string,
    place: Pick<Part, 'vertex' | 'instance' | 'incarnation' | 'epoch' | 'checkpoint'>,
    sections: readonly PartSection[],
  ): Promise<void> {
    const { checkpoint, epoch } = place;
    const pending = this.#pending;
    if (pending?.checkpoint !== checkpoint || pending.epoch !== epoch) return; // Z1
    const { store, name } = this.#given;
    let descriptor: PartDescriptor;
    try {
      descriptor = await store.writePart({ job: name, ...place, sections });
    } catch (error) {
      const failure = toFailure(error, 'checkpoint');
      this.#line.tell({ kind: 'declined', epoch, checkpoint, task, failure });
      return;
    }
    if (this.#pending !== pending) {
      void store.discard([descriptor]).catch(() => {});
      return;
    }
    pending.parts.push(descriptor);
    this.#line.tell({ kind: 'acknowledged', epoch, checkpoint, task, bytes: descriptor.bytes });
  }

  #perform(command: CoordinatorCommand): void {
    switch (command.kind) {
      case 'trigger': {
        const { checkpoint, epoch } = command;
        this.#pending = { checkpoint, epoch, parts: [] };
        this.#given.begin(checkpoint);
        return;
      }
      case 'abort':
        this.#discard(command.checkpoint);
        this.#given.abort(command.checkpoint);
        return;
      case 'write-manifest':
        this.#writing = this.#writeManifest(command.checkpoint);
        return;
      case 'completed': {
        const { checkpoint, durationMs, tokens } = command;
        this.#pending = undefined;
        this.#given.tell({ kind: 'completed', checkpoint, durationMs });
        for (const token of tokens) this.#take(token)?.resolve(checkpoint);
        return;
      }
      case 'failed': {
        const { checkpoint, failure, tokens } = command;
        this.#discard(checkpoint);
        this.#given.tell({ kind: 'failed', checkpoint, failure });
        const error = failureToError(failure, 'ERR_HOLDFAST_CHECKPOINT_FAILED');
        for (const token of tokens) this.#take(token)?.reject(error);
        return;
      }
      case 'give-up':
        this.#given.giveUp(command.failure);
    }
  }

  #take(token: number): Deferred<number> | undefined {
    const answer = this.#requests.get(token);
    this.#requests.delete(token);
    return answer;
  }

  #discard(checkpoint: number): void {
    const pending = this.#pending;
    if (pending?.checkpoint !== checkpoint) return;
    this.#pending = undefined;
    if (pending.parts.length > 0) void this.#given.store.discard(pending.parts).catch(() => {});
  }

  async #writeManifest(checkpoint: number): Promise<void> {
    const { store, retain } = this.#given;
    try {
      const manifest = this.#manifest(this.#pending!);
      await store.writeManifest(manifest);
      this.#latest = manifest;
    } catch (error) {
      const failure = toFailure(error, 'checkpoint');
      this.#line.tell({ kind: 'manifest-failed', checkpoint, failure });
      return;
    }
    this.#line.tell({ kind: 'manifest-written', checkpoint });
    // What cannot be deleted now is swept the next time.
    await store.prune(retain).catch(() => {});
  }

  #manifest({ checkpoint, epoch, parts }: Pending): Manifest {
    const { name, run, hash, table, nodes } = this.#given;
    const operator = (id: string, type: string, vertex: string, parallelism: number) => ({
      id,
      type,
      vertex,
      parallelism,
      stateful: true,
    });
    return {
      format: 1,
      job: name,
      run,
      checkpoint,
      epoch,
      createdAtMs: Date.now(),
      graphHash: hash,
      keyGroups: table.length,
      mode: 'exactly-once',
      final: false,
      operators: [
        operator('node', 'actors', 'actors', nodes),
        operator('outside', 'outside', 'outside', 1),
      ],
      tables: { [nodes]: [...table] },
      parts,
      transactions: [],
      sourceRecords: {},
      holdfast: packageVersion(),
      node: process.version,
    };
  }
}

interface NodePartTold {
  readonly epoch: number;
  readonly checkpoint: number;
  readonly sections: NodeSections;
}
type Part = Parameters<CheckpointStore['writePart']>[0];

const OUTSIDE_TASK = 'outside';
const nodeTask = (slot: number): string => `node ${slot}`;

/** By slot. @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
export async function readNodes(
  store: CheckpointStore,
  { parts }: Manifest,
): Promise<readonly NodeSections[]> {
  const nodes = parts
    .filter(({ vertex }) => vertex === 'actors')
    .sort((a, b) => a.instance - b.instance);
  return await Promise.all(
    nodes.map(async (part) => {
      const sections = await store.readPart(part);
      const entries = sections.map(({ name, bytes }) => [name, bytes]);
      return Object.fromEntries(entries) as NodeSections;
    }),
  );
}

/** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT */
export async function readOutside(
  store: CheckpointStore,
  { parts }: Manifest,
): Promise<OutsidePart | undefined> {
  const part = parts.find(({ vertex }) => vertex === 'outside');
  if (part === undefined) return undefined;
  const [section] = await store.readPart(part);
  return decodedValue(section!.bytes, 'what those outside keep') as OutsidePart;
}
