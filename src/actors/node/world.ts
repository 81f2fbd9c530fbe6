/** What all parts of one node share: its actors by path, open asks, timers, and the ways out. */

import type { Failure } from '../../base/failure.js';
import { toFailure } from '../../base/failure.js';
import type { Random } from '../../base/random.js';
import { type Deadline, DeadlineQueue } from '../../supervisor/deadline-queue.js';
import type { ReportContext } from '../../supervisor/supervisor-protocol.js';
import type { ActorRef, AskAddress, AskResult } from '../actor-context.js';
import { actorStopped, unknownActor } from '../actor-errors.js';
import type { ActorCell, ActorTimer } from './actor-cell.js';
import type { ActorKind } from './actor-kind.js';
import { type AskOutcome, AskTable } from './ask-table.js';
import type { CommandEnvelope } from './command.js';
import { FormerAsks } from './former-asks.js';
import { Letter } from './letter.js';
import { ReadyQueue } from './ready-queue.js';

/** What goes to other nodes, and to those outside of all (node −1). */
export type Envelope =
  | {
      readonly kind: 'message';
      readonly to: ActorRef;
      readonly handler: string;
      readonly message: unknown;
      readonly sender?: ActorRef | undefined;
      readonly ask?: AskAddress | undefined;
      /** Absent: true. */
      readonly counts?: boolean | undefined;
    }
  | { readonly kind: 'answer'; readonly ask: AskAddress; readonly outcome: AskOutcome }
  | CommandEnvelope
  /** A message from outside that had to wait for room has it now. */
  | { readonly kind: 'credit'; readonly to: ActorRef };

export type DeadLetterReason = 'stopped' | 'mailbox-full' | 'unknown-handler' | 'late-answer';

/** What is worth telling to people. */
export type NodeEvent =
  | {
      readonly kind: 'dead-letter';
      readonly reason: DeadLetterReason;
      readonly to: ActorRef;
      readonly handler: string;
    }
  /** A handler has thrown; nobody had asked. */
  | { readonly kind: 'error'; readonly path: string; readonly failure: Failure }
  | { readonly kind: 'failed'; readonly path: string; readonly failure: Failure }
  | {
      readonly kind: 'report';
      readonly path: string;
      readonly context: ReportContext;
      readonly failure: Failure;
    }
  | {
      readonly kind: 'restarting';
      readonly paths: readonly string[];
      readonly attempt: number;
      readonly delayMs: number;
      readonly failure: Failure;
    }
  | { readonly kind: 'escalated'; readonly path: string; readonly failure: Failure }
  /** The budget of a key is spent: it rests. */
  | {
      readonly kind: 'key-stopped';
      readonly path: string;
      readonly restMs: number;
      readonly failure: Failure;
    }
  /** All actors under supervision are down. */
  | { readonly kind: 'ended'; readonly failure?: Failure | undefined };

export type Alarm =
  | { readonly kind: 'timer'; readonly timer: ActorTimer }
  | { readonly kind: 'tree'; readonly tree: { tick(): void } }
  /** The back-off of a key is over, or an actor has taken too long to stop. */
  | { readonly kind: 'key' | 'kill'; readonly cell: ActorCell };

export interface WorldOptions {
  readonly random: Random;
  readonly out: (envelope: Envelope) => void;
  readonly observe?: ((event: NodeEvent) => void) | undefined;
  /** Its number among the system's. Default 0. */
  readonly node?: number | undefined;
  /** Does that actor live here? Default: all do. */
  readonly isHere?: ((ref: ActorRef) => boolean) | undefined;
  /** Picks who is next among those that have something to do. Default: who has waited longest. */
  readonly order?: Random | undefined;
  /** `immer`: for all states, to compare. Default: a `flat` one where a state is flat. */
  readonly drafts?: 'flat' | 'immer' | undefined;
  /** Default 5 000 000. */
  readonly maxActors?: number | undefined;
  /** How many levels children may have. Default 100. */
  readonly maxDepth?: number | undefined;
}

export class World {
  readonly options: WorldOptions;
  readonly node: number;
  readonly cells = new Map<string, ActorCell>();
  readonly kinds = new Map<string, ActorKind>();
  readonly asks = new AskTable();
  readonly formerAsks = new FormerAsks();
  /** Commands whose answers are not there yet. */
  readonly commands = new Set<CommandEnvelope>();
  readonly alarms = new DeadlineQueue<Alarm>();
  readonly ready: ReadyQueue;
  now = 0;
  lastIncarnation = 0;
  /** Of all that begin just now, if somebody has chosen it. */
  chosenIncarnation: number | undefined = undefined;
  lastRun = 0;
  deadLetters = 0;
  /** Activates a sharded actor; set by who does that. */
  activate: (kind: ActorKind, ref: ActorRef) => ActorCell | undefined = () => undefined;

  constructor(options: WorldOptions) {
    this.options = options;
    this.node = options.node ?? 0;
    this.ready = new ReadyQueue(options.order);
  }

  /** @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR */
  kindOf(actor: string): ActorKind {
    const kind = this.kinds.get(actor);
    if (kind === undefined) throw unknownActor(actor, this.kinds.keys());
    return kind;
  }

  /** The actor of a reference, also one that is down; undefined when it is gone, or another one has its path. */
  lookUp(ref: ActorRef): ActorCell | undefined {
    const cell = this.cells.get(ref.path);
    return cell === undefined || cell.incarnation !== ref.incarnation ? undefined : cell;
  }

  /** For an actor that is new. */
  nextIncarnation(): number {
    if (this.chosenIncarnation !== undefined) return this.chosenIncarnation;
    this.lastIncarnation += 1;
    return this.lastIncarnation;
  }

  isHere(ref: ActorRef): boolean {
    return this.options.isHere === undefined || this.options.isHere(ref);
  }

  observe(event: NodeEvent): void {
    this.options.observe?.(event);
  }

  wake(cell: ActorCell): void {
    if (!cell.isReady && cell.isFree) this.ready.add(cell);
  }

  alarm(atMs: number, alarm: Alarm): Deadline<Alarm> {
    return this.alarms.add(atMs, alarm);
  }

  /** Puts a letter into a mailbox; whether there is room has been seen to. */
  put(cell: ActorCell, letter: Letter): void {
    cell.put(letter);
    this.wake(cell);
  }

  /** Nobody will take the letter. */
  bury(letter: Letter, reason: DeadLetterReason, error: unknown = undefined): void {
    if (letter.run !== 0) this.asks.ended(letter.run);
    if (letter.ask !== undefined) {
      const failure = toFailure(error ?? actorStopped(letter.to.path), 'user-code');
      this.answer(letter.ask, { ok: false, failure });
      return;
    }
    this.deadLetters += 1;
    const { to, handler } = letter;
    this.observe({ kind: 'dead-letter', reason, to, handler });
  }

  answer(given: AskAddress, outcome: AskOutcome): void {
    const ask = this.formerAsks.nameOf(given);
    if (ask === undefined) return;
    if (ask.node !== this.node) {
      this.options.out({ kind: 'answer', ask, outcome });
      return;
    }
    this.settle(ask.id, outcome);
  }

  settle(id: number, outcome: AskOutcome): void {
    const ask = this.asks.settle(id, outcome);
    if (ask === undefined) return;
    const { asker, to } = ask;
    if (asker.kind === 'reply') this.lookUp(asker.ref)?.more?.asks?.delete(id);
    if (asker.kind === 'outside') {
      this.options.out({ kind: 'answer', ask: { node: -1, id: asker.token }, outcome });
      return;
    }
    if (asker.kind === 'await') return;
    const { ref, handler, tag } = asker;
    const result: AskResult = { ...outcome, from: to, tag };
    this.signal(ref, handler, result, to);
  }

  /** A message that needs no room. */
  signal(to: ActorRef, handler: string, message: unknown, sender?: ActorRef): void {
    const letter = new Letter(to, handler, message, sender, undefined, false);
    if (!this.isHere(to)) {
      this.options.out({ kind: 'message', to, handler, message, sender, counts: false });
      return;
    }
    const cell = this.lookUp(to);
    if (
      cell === undefined ||
      cell.life === 'stopping' ||
      (cell.life === 'down' && !cell.isComing)
    ) {
      this.bury(letter, 'stopped');
    } else this.put(cell, letter);
  }
}
