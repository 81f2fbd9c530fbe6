/**
 * Has actors handle their messages.
 *
 *  H1  What a handler does leaves when it has ended well, all of it; when it throws, nothing, and the state is what it was.
 *  H2  An async handler holds its actor: no other message of it meanwhile, while others run on.
 *  H3  An ask of an async handler leaves at once. It is named by the run of its message, so that a run that begins anew
 *      after a restore asks nobody twice.
 */

import { originalError, toFailure } from '../../base/failure.js';
import type { Deadline } from '../../supervisor/deadline-queue.js';
import type { ActorRef, Defined, SpawnOptions } from '../actor-context.js';
import { askCycle, unknownHandler } from '../actor-errors.js';
import type { ActorCell } from './actor-cell.js';
import type { ActorKind } from './actor-kind.js';
import { nameOf } from './former-asks.js';
import { Letter } from './letter.js';
import type { Lives } from './lives.js';
import type { Post } from './post.js';
import { dropDraft, nextState } from './state-drafts.js';
import type { Supervision } from './supervision.js';
import { travelling } from './travel.js';
import { type Effect, Turn, type TurnHost } from './turn.js';
import { waitPath } from './wait-graph.js';
import type { World } from './world.js';

/** An async handler that has ended. */
interface Completion {
  readonly turn: Turn;
  readonly isOk: boolean;
  readonly value: unknown;
}

export class Runner implements TurnHost {
  readonly #world: World;
  readonly #post: Post;
  readonly #lives: Lives;
  readonly #root: Supervision;
  readonly #wake: () => void;
  #completions: Completion[] = [];

  /** @param wake something has happened outside of `run`: it is to be called again */
  constructor(world: World, post: Post, lives: Lives, root: Supervision, wake: () => void) {
    this.#world = world;
    this.#post = post;
    this.#lives = lives;
    this.#root = root;
    this.#wake = wake;
  }

  get now(): number {
    return this.#world.now;
  }

  get hasCompletions(): boolean {
    return this.#completions.length > 0;
  }

  random(): number {
    return this.#world.options.random.next();
  }

  kindOf(actor: string): ActorKind {
    return this.#world.kindOf(actor);
  }

  isHere(ref: ActorRef): boolean {
    return this.#world.isHere(ref);
  }

  lookUp(ref: ActorRef): ActorCell | undefined {
    return this.#world.lookUp(ref);
  }

  prepare(parent: ActorCell, { name }: Defined, options: SpawnOptions): ActorCell {
    return this.#lives.prepare(parent, this.kindOf(name), options);
  }

  shard({ name }: Defined, key: string): ActorRef {
    return shardRef(this.kindOf(name), key);
  }

  /** H3 */
  askNow(turn: Turn, asked: Letter, timeoutMs: number): Promise<unknown> {
    const { asks, node, lastRun } = this.#world;
    const { cell, letter } = turn;
    const { to, handler } = asked;
    const way = waitPathTo(this.#world.lookUp(to), cell);
    if (way !== undefined) throw askCycle([cell.path, ...way.slice(0, -1).map(({ path }) => path)]);
    if (letter.run === 0) {
      this.#world.lastRun = lastRun + 1;
      letter.run = lastRun + 1;
    }
    turn.asks += 1;
    const { run } = letter;
    let id = asks.known(run, turn.asks, to, handler);
    if (id === undefined) {
      const asker = { kind: 'await', ref: cell.ref, run, n: turn.asks } as const;
      id = asks.open({ asker, to, handler, timeoutMs, dueMs: this.now + timeoutMs });
      const sent = new Letter(to, handler, asked.message, asked.sender, { node, id }, true);
      this.#post.send(sent, cell);
    }
    const ask = id;
    const target = this.#world.lookUp(to);
    if (target !== undefined && asks.isOpen(ask)) turn.awaits.set(ask, target);
    const answer = new Promise<unknown>((resolve, reject) => {
      asks.whenSettled(ask, (outcome) => {
        turn.awaits.delete(ask);
        if (!turn.isOpen) return;
        if (outcome.ok) resolve(outcome.value);
        else reject(originalError(outcome.failure));
      });
    });
    answer.catch(() => {}); // Whoever does not await it is not told.
    return answer;
  }

  /** Works off what async handlers have left. */
  complete(): void {
    const done = this.#completions;
    this.#completions = [];
    for (const { turn, isOk, value } of done) {
      if (turn.isAbandoned) continue;
      const { cell } = turn;
      cell.held = undefined;
      if (isOk) this.#commit(turn, value);
      else this.#fail(turn, value);
      this.#lives.proceed(cell);
      this.#world.wake(cell);
    }
  }

  /** Has an actor handle up to `most` messages. @returns how many */
  work(cell: ActorCell, most: number): number {
    let done = 0;
    while (done < most && cell.isFree) {
      const letter = cell.take()!;
      if (cell.more?.waiters !== undefined) this.#post.admit(cell);
      this.#handle(cell, letter);
      done += 1;
    }
    this.#world.wake(cell);
    return done;
  }

  #handle(cell: ActorCell, letter: Letter): void {
    const { kind } = cell;
    const handler = kind.find(letter.handler, cell.more?.behaviour);
    if (handler === undefined) {
      const error = unknownHandler(kind.name, letter.handler, kind.handlerNames());
      this.#world.bury(letter, 'unknown-handler', error);
      return;
    }
    const turn = new Turn(this, cell, letter);
    let answer: unknown;
    try {
      turn.draft = kind.drafts.open(cell.state!);
      // What an async handler does to its message must not be seen when the message comes again after a restore.
      const message = kind.isAsync(handler)
        ? travelling(letter.message, 'message')
        : letter.message;
      answer = handler(turn.draft.draft, message, turn);
    } catch (error) {
      this.#fail(turn, error);
      return;
    }
    if (isThenable(answer)) this.#hold(turn, answer);
    else this.#commit(turn, answer);
  }

  /** H2 */
  #hold(turn: Turn, answer: PromiseLike<unknown>): void {
    turn.cell.held = turn;
    const ends = (isOk: boolean) => (value: unknown) => {
      turn.isOpen = false;
      this.#completions.push({ turn, isOk, value });
      this.#wake();
    };
    answer.then(ends(true), ends(false));
  }

  /** H1 */
  #commit(turn: Turn, returned: unknown): void {
    const { cell, letter, effects } = turn;
    const { ask } = letter;
    let value: unknown;
    try {
      if (ask !== undefined && !turn.isPutOff) {
        value =
          turn.answer === undefined
            ? travelling(returned, `answer of '${letter.handler}'`)
            : turn.answer.value;
      }
      if (effects !== undefined) {
        this.#post.check(cell, effects, ask?.node === this.#world.node ? ask.id : undefined);
      }
      cell.state = nextState(turn.draft!);
    } catch (error) {
      this.#fail(turn, error);
      return;
    }
    turn.isOpen = false;
    let endsItself = false;
    if (effects !== undefined) {
      for (const effect of effects) {
        if (effect instanceof Letter) this.#post.send(effect, cell);
        else if (effect.kind === 'stop' && effect.ref === undefined) endsItself = true;
        else this.#perform(turn, effect);
      }
    }
    if (ask !== undefined) {
      if (!turn.isPutOff) this.#world.answer(ask, { ok: true, value });
      else if (cell.more?.stash?.includes(letter) !== true) {
        cell.own('owes').set(nameOf(ask), ask);
      }
    }
    if (letter.run !== 0) this.#world.asks.ended(letter.run);
    if (endsItself) this.#lives.end(cell, 'normal');
  }

  #fail(turn: Turn, error: unknown): void {
    const { cell, letter } = turn;
    turn.isOpen = false;
    if (turn.draft !== undefined) dropDraft(turn.draft);
    if (letter.run !== 0) this.#world.asks.ended(letter.run);
    const failure = toFailure(error, 'user-code');
    if (letter.ask !== undefined) this.#world.answer(letter.ask, { ok: false, failure });
    else this.#world.observe({ kind: 'error', path: cell.path, failure });
    this.#lives.judge(cell, cell.kind.verdict(error), failure);
  }

  #perform(turn: Turn, effect: Effect): void {
    const { cell, letter } = turn;
    const lives = this.#lives;
    const world = this.#world;
    switch (effect.kind) {
      case 'spawn':
        lives.begin(effect.cell, effect.options, this.#root);
        return;
      case 'stop': {
        const target = world.lookUp(effect.ref!);
        if (target !== undefined) lives.stopForGood(target);
        return;
      }
      case 'ask':
        this.#ask(cell, effect);
        return;
      case 'answer': {
        const { to, value } = effect;
        const now = world.formerAsks.nameOf(to);
        if (now !== undefined) cell.more?.owes?.delete(nameOf(now));
        world.answer(to, { ok: true, value });
        return;
      }
      case 'timer':
        this.setTimer(cell, effect.name, world.now + effect.ms, effect.handler, effect.message);
        return;
      case 'cancel':
        this.#cancel(cell, effect.name);
        return;
      case 'watch':
        lives.watch(cell, effect.ref, effect.handler);
        return;
      case 'unwatch':
      case 'link':
      case 'unlink':
        lives[effect.kind](cell, effect.ref);
        return;
      case 'become':
        cell.extend().behaviour = effect.behaviour;
        return;
      case 'stash':
        cell.own('stash').push(letter);
        return;
      case 'unstash': {
        for (const put of [...(cell.more?.stash ?? [])].reverse()) cell.putFirst(put);
        if (cell.more !== undefined) delete cell.more.stash;
      }
    }
  }

  setTimer(cell: ActorCell, name: string, atMs: number, handler: string, message: unknown): void {
    this.#cancel(cell, name);
    const timer = { cell, name, handler, message };
    const timers = cell.own('timers');
    timers.set(name, this.#world.alarm(atMs, { kind: 'timer', timer }));
  }

  #cancel(cell: ActorCell, name: string): void {
    const deadline = cell.more?.timers?.get(name);
    if (deadline === undefined) return;
    this.#world.alarms.remove(deadline as Deadline<never>);
    cell.more!.timers!.delete(name);
  }

  #ask(cell: ActorCell, { letter, options, timeoutMs }: Effect & { readonly kind: 'ask' }): void {
    const { asks, node } = this.#world;
    const { to, handler, message, sender } = letter;
    const asker = {
      kind: 'reply',
      ref: cell.ref,
      handler: options.reply,
      tag: options.tag,
    } as const;
    const id = asks.open({ asker, to, handler, timeoutMs, dueMs: this.now + timeoutMs });
    cell.own('asks').add(id);
    this.#post.send(new Letter(to, handler, message, sender, { node, id }, true), cell);
  }
}

export function shardRef({ name }: ActorKind, key: string): ActorRef {
  return Object.freeze({ actor: name, path: `${name}#${key}`, incarnation: 0 });
}

function waitPathTo(
  target: ActorCell | undefined,
  goal: ActorCell,
): readonly ActorCell[] | undefined {
  return target === undefined ? undefined : waitPath(target, goal);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
