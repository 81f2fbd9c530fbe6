/**
 * The snapshot that a task has under way.
 *
 *  N1  All operators are cut at one moment, between two input elements (`begin`). The rest of the work is done
 *      in slices (`step`), while the task goes on.
 *  N2  One snapshot is under way at a time. Unaligned checkpoints do not overlap, and aligned ones wait
 *      (task-checkpoints.ts, T4). So when a newer snapshot begins nonetheless, the older one was given up.
 *  N3  A capture that fails declines the checkpoint. A sink that fails to prepare fails the task: the rows
 *      before the cut would be in no later transaction.
 *  N4  The part of an unaligned checkpoint also holds what was in flight. It is complete when that has been
 *      recorded. Other tasks may have to act before it is, so nothing waits for it here.
 *  N5  A snapshot may build on the newest completed checkpoint, which the driver names when it tells the task to
 *      take the snapshot; if it names none, the snapshot holds everything. It does not matter when a newer
 *      checkpoint completes later: the newest manifest names what the snapshot builds on, until the snapshot's
 *      own manifest is written.
 */

import { atPoint } from '../../base/protocol-points.js';
import { sharedMs } from '../../base/shared-clock.js';
import type { ControlBlock } from '../../threads/control-block.js';
import type { Capture, CapturedState, StateSection } from '../operator.js';
import { locate } from './located-error.js';
import type { ChainOperator } from './task-chain.js';
import type { CapturedTask } from './task-types.js';

export interface SnapshotsOptions {
  readonly operators: readonly ChainOperator[];
  readonly instance: number;
  /** Its phase is `capturing` while anything is done here; the task says what it is afterwards. */
  readonly block: ControlBlock;
  readonly wake: () => void;
  readonly captured: (part: CapturedTask) => void;
  readonly declined: (checkpoint: number, error: unknown) => void;
  /** Fails the task. Always throws. */
  readonly failed: (error: unknown) => never;
}

/** What the task itself adds to its part. */
export interface TaskPart {
  readonly sections: CapturedTask['sections'];
  readonly sourceRecords: CapturedTask['sourceRecords'];
  readonly records: CapturedTask['records'];
  readonly watermarkMs: CapturedTask['watermarkMs'];
  readonly alignMs: number;
  /** The part is taken before all barriers have come. */
  readonly overtaken?: boolean | undefined;
  readonly inFlight?: InFlight | undefined;
}

/** What is in flight to the task and from it, while it is being recorded (N4). */
export interface InFlight {
  readonly complete: boolean;
  /** The recorded sections. Asked for once, when complete. Throws when what is in flight cannot be kept. */
  take(): CapturedTask['sections'];
}

interface Work {
  readonly operator: string;
  readonly capture: Capture;
  readonly sink: boolean;
  state: CapturedState | undefined;
  /** The promise whose settling wakes the task. */
  parked: Promise<unknown> | undefined;
}

interface Snapshot {
  readonly checkpoint: number;
  readonly part: TaskPart;
  readonly startedMs: number;
  /** How long the cut took. */
  cutMs: number;
  readonly work: Work[];
}

export class TaskSnapshots {
  readonly #given: SnapshotsOptions;
  #snapshot: Snapshot | undefined;
  /** By checkpoint that the driver has told of, and whose snapshot has not begun: what it may build on (N5). */
  readonly #bases = new Map<number, number | undefined>();

  constructor(given: SnapshotsOptions) {
    this.#given = given;
  }

  /** A slice of work can be done now. */
  get ready(): boolean {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return false;
    return (
      snapshot.work.some((work) => work.state === undefined && !isParked(work)) ||
      isComplete(snapshot)
    );
  }

  /** Is there still work to be done for the snapshot, or something to wait for? */
  get underWay(): boolean {
    return this.#snapshot !== undefined;
  }

  /** @param base the newest completed checkpoint, on which that snapshot may build */
  told(checkpoint: number, base: number | undefined): void {
    this.#bases.set(checkpoint, base);
  }

  /** Cuts all operators, and so begins the snapshot. */
  begin(checkpoint: number, part: TaskPart): void {
    this.#given.block.phase = 'capturing';
    this.#giveUp();
    const snapshot: Snapshot = {
      checkpoint,
      part,
      startedMs: performance.now(),
      cutMs: 0,
      work: [],
    };
    this.#snapshot = snapshot;
    const base = this.#bases.get(checkpoint);
    this.#forget(checkpoint);
    for (const { node, operator } of this.#given.operators) {
      const sink = node.kind === 'sink';
      try {
        const cut = () => operator.capture?.(checkpoint, base);
        const capture = sink ? atPoint('sink:prepare', cut) : cut();
        if (capture === undefined) continue;
        const work = { operator: node.id, capture, sink, state: undefined, parked: undefined };
        snapshot.work.push(work);
      } catch (error) {
        this.#error(snapshot, sink, locate(error, node.id));
        return;
      }
    }
    snapshot.cutMs = performance.now() - snapshot.startedMs;
    if (isComplete(snapshot)) this.#finish(snapshot);
  }

  /** Works until `deadline` at most. True when anything was done. */
  step(deadline: number): boolean {
    const snapshot = this.#snapshot;
    if (snapshot === undefined) return false;
    this.#given.block.phase = 'capturing';
    let moved = false;
    for (const work of snapshot.work) {
      if (work.state !== undefined || isParked(work)) continue;
      moved = true;
      try {
        const step = () => work.capture.step(deadline);
        if (atPoint('task:capture', step)) work.state = work.capture.take();
        else this.#park(work);
      } catch (error) {
        this.#error(snapshot, work.sink, locate(error, work.operator));
        return true;
      }
      if (performance.now() >= deadline) break;
    }
    if (isComplete(snapshot)) {
      this.#finish(snapshot);
      return true;
    }
    return moved;
  }

  /** The checkpoint was given up. */
  abort(checkpoint: number): void {
    if (this.#snapshot?.checkpoint === checkpoint) this.#giveUp();
    this.#forget(checkpoint);
  }

  /** Neither this checkpoint's snapshot nor an older one will begin. */
  #forget(checkpoint: number): void {
    for (const told of this.#bases.keys()) if (told <= checkpoint) this.#bases.delete(told);
  }

  #park(work: Work): void {
    const { waiting } = work.capture;
    if (waiting === undefined) return;
    work.parked = waiting;
    waiting.then(this.#given.wake, this.#given.wake);
  }

  #giveUp(): void {
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    for (const work of snapshot?.work ?? []) work.capture.abort();
  }

  #error(snapshot: Snapshot, sink: boolean, error: unknown): void {
    this.#giveUp();
    if (sink) this.#given.failed(error);
    else this.#given.declined(snapshot.checkpoint, error);
  }

  #finish(snapshot: Snapshot): void {
    this.#snapshot = undefined;
    const { instance } = this.#given;
    const sections: ({ readonly operator: string } & StateSection)[] = [...snapshot.part.sections];
    let inFlightBytes = 0;
    try {
      const { inFlight } = snapshot.part;
      if (inFlight !== undefined) {
        const recorded = atPoint('channel:record', () => inFlight.take());
        for (const { chunks } of recorded) for (const { length } of chunks) inFlightBytes += length;
        sections.push(...recorded);
      }
    } catch (error) {
      this.#given.declined(snapshot.checkpoint, error);
      return;
    }
    const transactions: CapturedTask['transactions'][number][] = [];
    const visible: CapturedTask['visible'][number][] = [];
    for (const { operator, state } of snapshot.work) {
      const prepared = state?.prepared;
      for (const section of state?.sections ?? []) sections.push({ operator, ...section });
      if (prepared?.transaction !== undefined) {
        transactions.push({ operator, instance, transaction: prepared.transaction });
      }
      if (prepared?.visible !== undefined) {
        visible.push({ operator, instance, rows: prepared.visible });
      }
    }
    const captured = {
      checkpoint: snapshot.checkpoint,
      sections,
      transactions,
      visible,
      sourceRecords: snapshot.part.sourceRecords,
      records: snapshot.part.records,
      watermarkMs: snapshot.part.watermarkMs,
      alignMs: snapshot.part.alignMs,
      captureMs: performance.now() - snapshot.startedMs,
      cutMs: snapshot.cutMs,
      cutAtMs: sharedMs(snapshot.startedMs),
      overtaken: snapshot.part.overtaken === true,
      inFlightBytes,
    };
    atPoint('task:acknowledge', () => this.#given.captured(captured));
  }
}

/** Does the work wait for a promise that has not settled? Once it has, `waiting` is gone or another promise. */
function isParked(work: Work): boolean {
  return work.parked !== undefined && work.capture.waiting === work.parked;
}

function isComplete({ work, part }: Snapshot): boolean {
  return work.every(({ state }) => state !== undefined) && (part.inFlight?.complete ?? true);
}
