/**
 * Those outside of all nodes, as one pure machine: what they tell and ask is journalled, sent, and after a rollback sent
 * again; what the nodes answer is given to whoever asked. A driver performs its commands, in order.
 *
 *  X1  What is told or asked gets a place in the journal and leaves in that order, also when it is sent again. It stays
 *      there until a snapshot that holds its effect is complete.
 *  X2  A snapshot cuts at a place of the journal: everything up to it has left ahead of the marker, nothing behind it
 *      has. After a rollback exactly what stands behind the cut of the newest complete snapshot is sent again.
 *  X3  Every token of a request is settled exactly once: by the answer, its deadline, or the end.
 *  X4  A request whose id is known is not journalled. It has the answer that the first one has or will have.
 *  X5  What the state that was rolled back had answered is forgotten, and comes again: what a later request with that
 *      id gets is what the actors' state knows. Nobody who has an answer gets another.
 *  X6  `settled`: an answer is given once a snapshot is complete that holds what the actor did. That is one which cut
 *      after the answer came, or whose marker was still missing on the lane over which it came.
 *  X7  A full journal takes nothing in: requests wait for room in their order, each until its deadline if it has one.
 */

import { askTimeout } from '../actors/actor-errors.js';
import type { AskOutcome } from '../actors/node/ask-table.js';
import type { ActorCommand } from '../actors/node/command.js';
import type { Envelope } from '../actors/node/world.js';
import { OUTSIDE } from '../actors/placement.js';
import { assert } from '../base/assert.js';
import { originalError } from '../base/failure.js';
import { badOption } from '../base/option-checks.js';
import { type Deadline, DeadlineQueue } from '../supervisor/deadline-queue.js';

/** What is sent: a message without its ask, or a command without. */
export type Letter =
  | Omit<Extract<Envelope, { kind: 'message' }>, 'ask' | 'sender' | 'counts'>
  | { readonly kind: 'command'; readonly command: ActorCommand };

export interface OutsideRequest {
  readonly kind: 'request';
  readonly token: number;
  /** Where it goes. */
  readonly node: number;
  readonly letter: Letter;
  /** For messages: the path of the actor, and what it is asked for. */
  readonly path: string;
  readonly handler: string;
  /** The requester's name for it (X4). */
  readonly id?: string | undefined;
  /** Undefined: it is told, and settled when it is journalled. */
  readonly answer?: { readonly timeoutMs: number; readonly settled: boolean } | undefined;
}

export type OutsideEvent =
  | OutsideRequest
  | { readonly kind: 'tick' }
  | {
      readonly kind: 'answer';
      readonly from: number;
      readonly ask: number;
      readonly outcome: AskOutcome;
    }
  /** There are lanes to nodes that come from the newest complete snapshot, or from the beginning. */
  | { readonly kind: 'connected' }
  /** The lanes are void. */
  | { readonly kind: 'disconnected' }
  /** A snapshot begins. Only one at a time. */
  | { readonly kind: 'cut'; readonly checkpoint: number }
  | { readonly kind: 'marker'; readonly from: number; readonly checkpoint: number }
  | { readonly kind: 'completed'; readonly checkpoint: number }
  | { readonly kind: 'given-up'; readonly checkpoint: number }
  /** Nothing is sent or answered any more. */
  | { readonly kind: 'ended'; readonly error: Error };

export type OutsideCommand =
  | { readonly kind: 'send'; readonly node: number; readonly envelope: Envelope }
  /** Markers into all lanes. */
  | { readonly kind: 'mark'; readonly checkpoint: number }
  | { readonly kind: 'part'; readonly checkpoint: number; readonly part: OutsidePart }
  | { readonly kind: 'resolve'; readonly token: number; readonly value: unknown }
  | { readonly kind: 'reject'; readonly token: number; readonly error: Error }
  /** Requests wait for room, which a snapshot would make. Told once for each snapshot. */
  | { readonly kind: 'full' };

/** What those outside keep in a snapshot. */
export interface OutsidePart {
  readonly place: number;
  readonly lastAsk: number;
  readonly lastIncarnation: number;
  readonly ids: readonly KeptId[];
}

export interface KeptId {
  readonly id: string;
  readonly what: string;
  /** 0: it was told. */
  readonly ask: number;
  readonly outcome?: AskOutcome | undefined;
}

export interface OutsideOptions {
  readonly nodes: number;
  /** Entries of the journal. */
  readonly capacity: number;
  /** Ids that are remembered, the oldest forgotten first. */
  readonly keep: number;
}

interface Entry {
  readonly place: number;
  readonly node: number;
  readonly envelope: Envelope;
}

interface Waiter {
  readonly token: number;
  readonly settled: boolean;
  readonly timeoutMs: number;
  /** Undefined while it waits for room. */
  asked: Asked | undefined;
  readonly request: OutsideRequest;
  deadline: Deadline<Waiter> | undefined;
}

/** One ask, or one thing that was told with an id. */
interface Asked {
  readonly ask: number;
  readonly id: string | undefined;
  readonly what: string;
  readonly place: number;
  outcome: AskOutcome | undefined;
  /** The snapshot that holds its answer, complete or not. */
  heldBy: number | undefined;
  isSettled: boolean;
  readonly waiters: Set<Waiter>;
}

interface Cutting {
  readonly checkpoint: number;
  readonly place: number;
  readonly missing: Set<number>;
  readonly held: Asked[];
}

export class Outside {
  readonly #options: OutsideOptions;
  #place: number;
  #lastAsk: number;
  #lastIncarnation: number;
  /** Oldest first. */
  #journal: Entry[] = [];
  /** Those that wait for room, by token. */
  readonly #waiting = new Map<
    number,
    { readonly request: OutsideRequest; readonly waiter: Waiter | undefined }
  >();
  readonly #asks = new Map<number, Asked>();
  readonly #ids = new Map<string, Asked>();
  /** Answered, and held by no snapshot. */
  readonly #fresh = new Set<Asked>();
  readonly #deadlines = new DeadlineQueue<Waiter>();
  #cutting: Cutting | undefined;
  #isConnected = false;
  #isFullTold = false;
  #ended: Error | undefined;

  constructor(options: OutsideOptions, part?: OutsidePart) {
    this.#options = options;
    this.#place = part?.place ?? 0;
    this.#lastAsk = part?.lastAsk ?? 0;
    this.#lastIncarnation = part?.lastIncarnation ?? 0;
    for (const { id, what, ask, outcome } of part?.ids ?? []) {
      const isSettled = outcome !== undefined;
      const heldBy = isSettled ? 0 : undefined;
      const place = this.#place;
      const asked = {
        ask,
        id,
        what,
        place,
        outcome,
        heldBy,
        isSettled,
        waiters: new Set<Waiter>(),
      };
      this.#ids.set(id, asked);
      if (ask !== 0) this.#asks.set(ask, asked);
    }
  }

  /** Entries that no complete snapshot covers. */
  get journalled(): number {
    return this.#journal.length;
  }

  /** Negative, never used before in this system. */
  nextIncarnation(): number {
    this.#lastIncarnation -= 1;
    return this.#lastIncarnation;
  }

  /** When a `tick` is due; undefined: no time changes anything. */
  nextDeadline(): number | undefined {
    return this.#deadlines.earliestMs();
  }

  /** What follows from `event` at `now`, milliseconds of a clock that does not go back. */
  handle(event: OutsideEvent, now: number): OutsideCommand[] {
    const commands: OutsideCommand[] = [];
    this.#apply(event, now, commands);
    return commands;
  }

  #apply(event: OutsideEvent, now: number, commands: OutsideCommand[]): void {
    switch (event.kind) {
      case 'request':
        this.#request(event, now, commands);
        return;
      case 'tick':
        this.#expire(now, commands);
        return;
      case 'answer':
        this.#answered(event.from, event.ask, event.outcome, commands);
        return;
      case 'connected':
        this.#connected(commands);
        return;
      case 'disconnected':
        this.#isConnected = false;
        return;
      case 'cut':
        this.#cut(event.checkpoint, commands);
        return;
      case 'marker':
        this.#marker(event.from, event.checkpoint, commands);
        return;
      case 'completed':
        this.#completed(event.checkpoint, commands);
        return;
      case 'given-up':
        this.#givenUp(event.checkpoint, commands);
        return;
      case 'ended':
        this.#end(event.error, commands);
    }
  }

  #request(request: OutsideRequest, now: number, commands: OutsideCommand[]): void {
    const { token, answer } = request;
    if (this.#ended !== undefined) {
      commands.push({ kind: 'reject', token, error: this.#ended });
      return;
    }
    const waiter = answer === undefined ? undefined : this.#waiter(request, answer, now);
    const isFull = this.#waiting.size > 0 || this.#journal.length >= this.#options.capacity;
    if (!this.#repeat(request, waiter, commands)) {
      if (isFull) {
        this.#waiting.set(token, { request, waiter });
        this.#tellFull(commands);
      } else this.#journalled(request, waiter, commands);
    }
  }

  #waiter(
    request: OutsideRequest,
    { timeoutMs, settled }: NonNullable<OutsideRequest['answer']>,
    now: number,
  ): Waiter {
    const { token } = request;
    const waiter: Waiter = {
      token,
      settled,
      timeoutMs,
      asked: undefined,
      request,
      deadline: undefined,
    };
    waiter.deadline = this.#deadlines.add(now + timeoutMs, waiter);
    return waiter;
  }

  /** X4. @returns whether the id is known */
  #repeat(
    { token, id, path, handler, answer }: OutsideRequest,
    waiter: Waiter | undefined,
    commands: OutsideCommand[],
  ): boolean {
    const asked = id === undefined ? undefined : this.#ids.get(id);
    if (asked === undefined) return false;
    const what = whatOf(path, handler);
    if (asked.what !== what || (asked.ask === 0) !== (answer === undefined)) {
      if (waiter !== undefined) this.#deadlines.remove(waiter.deadline!);
      const verb = asked.ask === 0 ? 'tell' : 'ask';
      const error = badOption('id', id, `an id of its own: ${verb} ${asked.what} has had this one`);
      commands.push({ kind: 'reject', token, error });
    } else if (waiter === undefined) commands.push({ kind: 'resolve', token, value: undefined });
    else {
      waiter.asked = asked;
      asked.waiters.add(waiter);
      this.#give(asked, commands);
    }
    return true;
  }

  #journalled(
    { token, node, letter, path, handler, id, answer }: OutsideRequest,
    waiter: Waiter | undefined,
    commands: OutsideCommand[],
  ): void {
    this.#place += 1;
    const place = this.#place;
    let ask = 0;
    if (answer !== undefined) {
      this.#lastAsk += 1;
      ask = this.#lastAsk;
    }
    const address = { node: OUTSIDE, id: ask };
    let envelope: Envelope;
    if (letter.kind === 'command') envelope = { ...letter, ask: address };
    else envelope = answer === undefined ? letter : { ...letter, ask: address };
    this.#journal.push({ place, node, envelope });
    if (answer !== undefined || id !== undefined) {
      const waiters = new Set<Waiter>();
      const what = whatOf(path, handler);
      const asked: Asked = {
        ask,
        id,
        what,
        place,
        outcome: undefined,
        heldBy: undefined,
        isSettled: false,
        waiters,
      };
      if (ask !== 0) this.#asks.set(ask, asked);
      if (waiter !== undefined) {
        waiter.asked = asked;
        waiters.add(waiter);
      }
      if (id !== undefined) this.#keep(id, asked);
    }
    if (this.#isConnected) commands.push({ kind: 'send', node, envelope });
    if (answer === undefined) commands.push({ kind: 'resolve', token, value: undefined });
  }

  #keep(id: string, asked: Asked): void {
    this.#ids.set(id, asked);
    if (this.#ids.size <= this.#options.keep) return;
    for (const [oldest, other] of this.#ids) {
      if (other.waiters.size > 0) continue;
      this.#ids.delete(oldest);
      this.#asks.delete(other.ask);
      this.#fresh.delete(other);
      return;
    }
  }

  #answered(from: number, ask: number, outcome: AskOutcome, commands: OutsideCommand[]): void {
    const asked = this.#asks.get(ask);
    // Nobody waits for it any more, or it has come before the rollback, and is held by what was gone back to.
    if (asked === undefined || asked.outcome !== undefined) return;
    asked.outcome = outcome;
    const cutting = this.#cutting;
    if (cutting?.missing.has(from) === true) {
      asked.heldBy = cutting.checkpoint;
      cutting.held.push(asked);
    } else this.#fresh.add(asked);
    this.#give(asked, commands);
  }

  /** Gives the answer to all who may have it now. */
  #give(asked: Asked, commands: OutsideCommand[]): void {
    const { outcome, waiters, isSettled } = asked;
    if (outcome !== undefined) {
      for (const waiter of waiters) {
        if (waiter.settled && !isSettled) continue;
        const { token } = waiter;
        waiters.delete(waiter);
        this.#deadlines.remove(waiter.deadline!);
        if (outcome.ok) commands.push({ kind: 'resolve', token, value: outcome.value });
        else commands.push({ kind: 'reject', token, error: originalError(outcome.failure) });
      }
    }
    this.#forgetIfDone(asked);
  }

  #forgetIfDone(asked: Asked): void {
    if (asked.waiters.size > 0 || asked.id !== undefined) return;
    this.#asks.delete(asked.ask);
    this.#fresh.delete(asked);
  }

  #expire(now: number, commands: OutsideCommand[]): void {
    for (;;) {
      const waiter = this.#deadlines.takeDue(now);
      if (waiter === undefined) return;
      const { token, asked, timeoutMs, request } = waiter;
      this.#waiting.delete(token);
      asked?.waiters.delete(waiter);
      if (asked !== undefined) this.#forgetIfDone(asked);
      const error = askTimeout(request.path, request.handler, timeoutMs);
      commands.push({ kind: 'reject', token, error });
    }
  }

  /** X2, X5 */
  #connected(commands: OutsideCommand[]): void {
    assert(this.#cutting === undefined, 'the fate of every snapshot is known at a rollback');
    this.#isConnected = true;
    for (const asked of this.#fresh) asked.outcome = undefined;
    this.#fresh.clear();
    for (const { node, envelope } of this.#journal) commands.push({ kind: 'send', node, envelope });
  }

  #cut(checkpoint: number, commands: OutsideCommand[]): void {
    assert(this.#cutting === undefined && this.#isConnected, 'one snapshot at a time');
    const held = [...this.#fresh];
    this.#fresh.clear();
    for (const asked of held) asked.heldBy = checkpoint;
    const missing = new Set(Array.from({ length: this.#options.nodes }, (_, node) => node));
    this.#cutting = { checkpoint, place: this.#place, missing, held };
    commands.push({ kind: 'mark', checkpoint });
  }

  #marker(from: number, checkpoint: number, commands: OutsideCommand[]): void {
    const cutting = this.#cutting;
    if (cutting?.checkpoint !== checkpoint || !cutting.missing.delete(from)) return;
    if (cutting.missing.size > 0) return;
    commands.push({ kind: 'part', checkpoint, part: this.#part(cutting) });
  }

  #part({ place }: Cutting): OutsidePart {
    const ids: KeptId[] = [];
    for (const [id, asked] of this.#ids) {
      if (asked.place > place) continue;
      const outcome = asked.heldBy === undefined ? undefined : asked.outcome;
      ids.push({ id, what: asked.what, ask: asked.ask, outcome });
    }
    const lastAsk = this.#lastAsk;
    return { place, lastAsk, lastIncarnation: this.#lastIncarnation, ids };
  }

  #completed(checkpoint: number, commands: OutsideCommand[]): void {
    const cutting = this.#cutting;
    if (cutting?.checkpoint !== checkpoint) return;
    this.#cutting = undefined;
    const first = this.#journal.findIndex(({ place }) => place > cutting.place);
    this.#journal = first < 0 ? [] : this.#journal.slice(first);
    for (const asked of cutting.held) {
      asked.isSettled = true;
      this.#give(asked, commands);
    }
    this.#isFullTold = false;
    this.#admit(commands);
  }

  #admit(commands: OutsideCommand[]): void {
    for (const [token, { request, waiter }] of this.#waiting) {
      if (this.#journal.length >= this.#options.capacity) {
        this.#tellFull(commands);
        return;
      }
      this.#waiting.delete(token);
      if (!this.#repeat(request, waiter, commands)) this.#journalled(request, waiter, commands);
    }
  }

  #tellFull(commands: OutsideCommand[]): void {
    if (this.#isFullTold) return;
    this.#isFullTold = true;
    commands.push({ kind: 'full' });
  }

  #givenUp(checkpoint: number, commands: OutsideCommand[]): void {
    const cutting = this.#cutting;
    if (cutting?.checkpoint !== checkpoint) return;
    this.#cutting = undefined;
    this.#isFullTold = false;
    if (this.#waiting.size > 0) this.#tellFull(commands);
    for (const asked of cutting.held) {
      asked.heldBy = undefined;
      if (asked.waiters.size > 0 || asked.id !== undefined) this.#fresh.add(asked);
    }
  }

  #end(error: Error, commands: OutsideCommand[]): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#isConnected = false;
    const tokens = new Set(this.#waiting.keys());
    for (const { waiters } of this.#asks.values())
      for (const { token } of waiters) tokens.add(token);
    for (const token of tokens) commands.push({ kind: 'reject', token, error });
    for (;;) if (this.#deadlines.takeDue(Number.POSITIVE_INFINITY) === undefined) break;
    for (const { waiters } of this.#asks.values()) waiters.clear();
    this.#cutting = undefined;
    this.#waiting.clear();
    this.#asks.clear();
    this.#ids.clear();
    this.#journal = [];
  }
}

function whatOf(path: string, handler: string): string {
  return `'${handler}' of '${path}'`;
}
