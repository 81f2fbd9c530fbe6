/** One message at work: the context of its handler, and what the handler has done so far. */

import { checkNumber, TIMER_MS_MAX } from '../../base/option-checks.js';
import type {
  ActorContext,
  ActorRef,
  AskAddress,
  AskOptions,
  Defined,
  ReplyOptions,
  SpawnOptions,
} from '../actor-context.js';
import {
  actorStopped,
  afterTheEnd,
  askCycle,
  mailboxFull,
  misuse,
  unknownHandler,
} from '../actor-errors.js';
import type { ActorCell, Held } from './actor-cell.js';
import type { ActorKind } from './actor-kind.js';
import { Letter } from './letter.js';
import type { StateDraft } from './state-drafts.js';
import { plainRef, travelling } from './travel.js';

/** What a handler has done, beside letters to send. */
export type Effect =
  | { readonly kind: 'spawn'; readonly cell: ActorCell; readonly options: SpawnOptions }
  | { readonly kind: 'stop'; readonly ref: ActorRef | undefined }
  | {
      readonly kind: 'timer';
      readonly name: string;
      readonly ms: number;
      readonly handler: string;
      readonly message: unknown;
    }
  | { readonly kind: 'cancel'; readonly name: string }
  | { readonly kind: 'watch'; readonly ref: ActorRef; readonly handler: string }
  | { readonly kind: 'unwatch' | 'link' | 'unlink'; readonly ref: ActorRef }
  | {
      readonly kind: 'ask';
      readonly letter: Letter;
      readonly options: ReplyOptions;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'answer'; readonly to: AskAddress; readonly value: unknown }
  | { readonly kind: 'become'; readonly behaviour: string | undefined }
  | { readonly kind: 'stash' | 'unstash' };

/** What a turn needs of its node. */
export interface TurnHost {
  readonly now: number;
  random(): number;
  /** @throws HoldfastError ERR_HOLDFAST_UNKNOWN_ACTOR */
  kindOf(actor: string): ActorKind;
  isHere(ref: ActorRef): boolean;
  /** The actor of a reference that runs, or will. */
  lookUp(ref: ActorRef): ActorCell | undefined;
  /** A child, not started yet, whose first state is there. */
  prepare(parent: ActorCell, definition: Defined, options: SpawnOptions): ActorCell;
  shard(definition: Defined, key: string): ActorRef;
  /** Asks at once, for an async handler. */
  askNow(turn: Turn, letter: Letter, timeoutMs: number): Promise<unknown>;
}

const ASK_TIMEOUT_MS = 5_000;
const span = { min: 0, max: TIMER_MS_MAX, unit: 'milliseconds' } as const;

export class Turn implements ActorContext, Held {
  readonly host: TurnHost;
  readonly cell: ActorCell;
  readonly letter: Letter;
  /** Its handler has not ended. */
  isOpen = true;
  /** Its actor has ended before it. */
  isAbandoned = false;
  effects: (Letter | Effect)[] | undefined = undefined;
  answer: { readonly value: unknown } | undefined = undefined;
  /** The answer comes later, or the message with it. */
  isPutOff = false;
  /** Number of asks that it has awaited. */
  asks = 0;
  draft: StateDraft | undefined = undefined;
  #awaits: Map<number, ActorCell> | undefined = undefined;

  constructor(host: TurnHost, cell: ActorCell, letter: Letter) {
    this.host = host;
    this.cell = cell;
    this.letter = letter;
  }

  get awaits(): Map<number, ActorCell> {
    this.#awaits ??= new Map();
    return this.#awaits;
  }

  abandon(): void {
    this.isOpen = false;
    this.isAbandoned = true;
  }

  get self(): ActorRef {
    return this.cell.ref;
  }

  get sender(): ActorRef | undefined {
    return this.letter.sender;
  }

  get now(): number {
    return this.host.now;
  }

  random(): number {
    this.#check('random');
    return this.host.random();
  }

  send(to: ActorRef, handler: string, message?: unknown): void {
    this.#check('send');
    this.#add(this.#letter(to, handler, message, 'message of send'));
  }

  ask(to: ActorRef, handler: string, message: unknown, options: ReplyOptions): undefined;
  ask(to: ActorRef, handler: string, message?: unknown, options?: AskOptions): Promise<unknown>;
  ask(
    to: ActorRef,
    handler: string,
    message?: unknown,
    options: AskOptions | ReplyOptions = {},
  ): Promise<unknown> | undefined {
    this.#check('ask');
    const timeoutMs = checkNumber('ask.timeoutMs', options.timeoutMs, ASK_TIMEOUT_MS, span);
    const letter = this.#letter(to, handler, message, 'message of ask');
    if (to.path === this.cell.path) throw askCycle([to.path]);
    if (!('reply' in options)) return this.host.askNow(this, letter, timeoutMs);
    this.#own(options.reply);
    const tag = travelling(options.tag, 'tag of ask');
    this.#add({ kind: 'ask', letter, options: { ...options, tag }, timeoutMs });
    return undefined;
  }

  reply(value: unknown, to?: AskAddress): void {
    this.#check('reply');
    const copy = travelling(value, `answer of '${this.letter.handler}'`);
    if (to !== undefined) {
      this.#add({ kind: 'answer', to: { node: to.node, id: to.id }, value: copy });
      return;
    }
    if (this.letter.ask === undefined) return;
    if (this.answer !== undefined || this.isPutOff) {
      throw misuse(`'${this.letter.handler}' of '${this.cell.path}' has answered already`);
    }
    this.answer = { value: copy };
  }

  replyLater(): AskAddress | undefined {
    this.#check('replyLater');
    const { ask } = this.letter;
    if (ask !== undefined) this.isPutOff = true;
    return ask;
  }

  spawn<D extends Defined>(definition: D, options: SpawnOptions = {}): ActorRef<D> {
    this.#check('spawn');
    const { path } = this.cell;
    const own = options.id === undefined ? undefined : `${path}/${options.id}`;
    const isTaken =
      own !== undefined &&
      this.effects?.some(
        (done) => 'kind' in done && done.kind === 'spawn' && done.cell.path === own,
      );
    if (isTaken === true) throw misuse(`'${path}' spawns two children called '${options.id}'`);
    const args = travelling(options.args, 'args of spawn');
    const cell = this.host.prepare(this.cell, definition, { ...options, args });
    this.#add({ kind: 'spawn', cell, options });
    return cell.ref as ActorRef<D>;
  }

  shard<D extends Defined>(definition: D, key: string): ActorRef<D> {
    return this.host.shard(definition, key) as ActorRef<D>;
  }

  stop(ref?: ActorRef): void {
    this.#check('stop');
    const path = (ref ?? this.cell.ref).path;
    const isStopped = this.effects?.some(
      (done) =>
        'kind' in done && done.kind === 'stop' && (done.ref?.path ?? this.cell.path) === path,
    );
    const target = ref === undefined ? this.cell : this.#target(ref);
    if (isStopped === true || (target !== undefined && target.life !== 'running')) {
      throw actorStopped(path);
    }
    const other = ref === undefined || path === this.cell.path ? undefined : plainRef(ref);
    this.#add({ kind: 'stop', ref: other });
  }

  after(ms: number, handler: string, message?: unknown, name?: string): string {
    this.#check('after');
    checkNumber('after.ms', ms, undefined, span);
    this.#own(handler);
    const more = this.cell.extend();
    more.nextTimer = (more.nextTimer ?? 0) + 1;
    const called = name ?? `#${more.nextTimer}`;
    const copy = travelling(message, 'message of after');
    this.#add({ kind: 'timer', name: called, ms, handler, message: copy });
    return called;
  }

  cancel(timer: string): void {
    this.#check('cancel');
    this.#add({ kind: 'cancel', name: timer });
  }

  watch(ref: ActorRef, handler: string): void {
    this.#check('watch');
    this.#own(handler);
    this.#here(ref, 'watch');
    this.#add({ kind: 'watch', ref: plainRef(ref), handler });
  }

  unwatch(ref: ActorRef): void {
    this.#check('unwatch');
    this.#add({ kind: 'unwatch', ref: plainRef(ref) });
  }

  link(ref: ActorRef): void {
    this.#check('link');
    this.#here(ref, 'link');
    this.#add({ kind: 'link', ref: plainRef(ref) });
  }

  unlink(ref: ActorRef): void {
    this.#check('unlink');
    this.#add({ kind: 'unlink', ref: plainRef(ref) });
  }

  become(behaviour: string | undefined): void {
    this.#check('become');
    const { kind } = this.cell;
    if (behaviour !== undefined && !kind.hasBehaviour(behaviour)) {
      throw unknownHandler(kind.name, `${behaviour}.…`, kind.handlerNames());
    }
    this.#add({ kind: 'become', behaviour });
  }

  stash(): void {
    this.#check('stash');
    const { kind, path, more } = this.cell;
    if ((more?.stash?.length ?? 0) >= kind.capacity) throw mailboxFull(path, kind.capacity);
    if (this.isPutOff || this.answer !== undefined) {
      throw misuse(`'${path}' has stashed a message twice, or one that it has answered`);
    }
    this.isPutOff = true;
    this.#add({ kind: 'stash' });
  }

  unstash(): void {
    this.#check('unstash');
    this.#add({ kind: 'unstash' });
  }

  #add(effect: Letter | Effect): void {
    if (this.effects === undefined) this.effects = [effect];
    else this.effects.push(effect);
  }

  #check(what: string): void {
    if (!this.isOpen) throw afterTheEnd(this.cell.kind.name, this.letter.handler, what);
  }

  #letter(to: ActorRef, handler: string, message: unknown, name: string): Letter {
    const kind = this.host.kindOf(to?.actor);
    if (!kind.has(handler)) throw unknownHandler(kind.name, handler, kind.handlerNames());
    const copy = travelling(message, name);
    return new Letter(plainRef(to), handler, copy, this.cell.ref, undefined, true);
  }

  #own(handler: string): void {
    const { kind } = this.cell;
    if (!kind.has(handler)) throw unknownHandler(kind.name, handler, kind.handlerNames());
  }

  /** @throws HoldfastError when it lives elsewhere: only messages, asks and answers go there */
  #here(ref: ActorRef, what: string): ActorKind {
    const kind = this.host.kindOf(ref?.actor);
    if (this.host.isHere(ref)) return kind;
    throw misuse(
      `ctx.${what}: '${ref.path}' lives on another thread. Send it a message that asks for that.`,
    );
  }

  /** @throws HoldfastError when it does not run */
  #target(ref: ActorRef): ActorCell | undefined {
    const kind = this.#here(ref, 'stop');
    const cell = this.host.lookUp(ref);
    const isSpawnedHere = this.effects?.some(
      (done) => 'kind' in done && done.kind === 'spawn' && done.cell.path === ref.path,
    );
    if (cell === undefined && !kind.isSharded && isSpawnedHere !== true) {
      throw actorStopped(ref.path);
    }
    return cell;
  }
}
