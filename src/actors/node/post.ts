/**
 * Brings letters into mailboxes, as far as there is room.
 *
 *  P1  Order per sender and receiver: a letter that waits for room is never overtaken by a later one of its sender to
 *      the same mailbox.
 *  P2  With the policy `block` a sender whose letter waits takes no next message. The letter itself has left: it
 *      arrives though its sender ends.
 *  P3  Before a turn's letters leave, it is seen whether they can: a full mailbox with the policy `fail`, and a circle
 *      of actors that would all wait, are errors of the handler, and nothing of it is done.
 *  P4  Signals, timers and answers need no room.
 */

import { mailboxFull, mailboxRing } from '../actor-errors.js';
import type { ActorCell, Parked } from './actor-cell.js';
import { Letter } from './letter.js';
import type { Effect } from './turn.js';
import { waitPath } from './wait-graph.js';
import { WaitList } from './wait-list.js';
import type { World } from './world.js';

export class Post {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /**
   * P3
   * @param answered the ask that the turn answers
   * @throws HoldfastError ERR_HOLDFAST_MAILBOX_FULL, ERR_HOLDFAST_MAILBOX_RING
   */
  check(
    from: ActorCell,
    effects: readonly (Letter | Effect)[],
    answered: number | undefined,
  ): void {
    let planned: Map<ActorCell, number> | undefined;
    for (const effect of effects) {
      const letter = effect instanceof Letter ? effect : letterIn(effect);
      if (letter === undefined) continue;
      const target = this.#world.lookUp(letter.to);
      if (target === undefined || target.life !== 'running') continue;
      const { kind } = target;
      if (kind.policy === 'drop-newest' || kind.policy === 'drop-oldest') continue;
      const more = planned?.get(target) ?? 0;
      if (target.used + more < kind.capacity) {
        // One letter alone needs no sum.
        if (effects.length > 1) {
          planned ??= new Map();
          planned.set(target, more + 1);
        }
        continue;
      }
      if (kind.policy === 'fail') throw mailboxFull(target.path, kind.capacity);
      const way = waitPath(target, from, answered);
      if (way !== undefined) throw mailboxRing(ringOf(from, way));
    }
  }

  /** @returns false: it waits for room */
  send(letter: Letter, from: ActorCell | undefined): boolean {
    const world = this.#world;
    const { to } = letter;
    if (!world.isHere(to)) {
      const { handler, message, sender, ask } = letter;
      world.options.out({ kind: 'message', to, handler, message, sender, ask });
      return true;
    }
    const target = world.lookUp(to) ?? this.#activated(letter);
    if (target === undefined || target.life === 'stopping') world.bury(letter, 'stopped');
    else if (target.life === 'down') this.#keep(target, letter);
    else return this.#deliver(target, letter, from);
    return true;
  }

  /** There may be room in its mailbox now. */
  admit(target: ActorCell): void {
    const waiters = target.more?.waiters;
    if (waiters === undefined) return;
    while (waiters.length > 0 && target.used < target.kind.capacity) {
      const parked = waiters.take()!;
      target.put(parked.letter);
      this.#leaves(parked);
    }
    if (waiters.length === 0) delete target.more!.waiters;
    this.#world.wake(target);
  }

  /** Nobody will read the mailbox any more. */
  empty(cell: ActorCell): void {
    for (let letter = cell.take(); letter !== undefined; letter = cell.take()) {
      this.#world.bury(letter, 'stopped');
    }
    const { more } = cell;
    if (more === undefined) return;
    for (const letter of more.stash ?? []) this.#world.bury(letter, 'stopped');
    delete more.stash;
    const waiters = more.waiters ?? [];
    delete more.waiters;
    for (const parked of waiters) {
      this.#leaves(parked);
      this.#world.bury(parked.letter, 'stopped');
    }
  }

  #activated(letter: Letter): ActorCell | undefined {
    const { to } = letter;
    const kind = this.#world.kinds.get(to.actor);
    if (kind?.isSharded !== true || to.incarnation !== 0) return undefined;
    return this.#world.activate(kind, to);
  }

  /** It is down. If it comes back, the letter waits for that. */
  #keep(target: ActorCell, letter: Letter): void {
    if (!target.isComing) this.#world.bury(letter, 'stopped');
    else if (letter.counts && target.used >= target.kind.capacity) {
      this.#world.bury(letter, 'mailbox-full', mailboxFull(target.path, target.kind.capacity));
    } else target.put(letter);
  }

  #deliver(target: ActorCell, letter: Letter, from: ActorCell | undefined): boolean {
    const { kind } = target;
    if (!letter.counts || (target.used < kind.capacity && target.more?.waiters === undefined)) {
      this.#world.put(target, letter);
      return true;
    }
    switch (kind.policy) {
      case 'drop-oldest': {
        const oldest = target.takeOldest();
        const error = mailboxFull(target.path, kind.capacity);
        if (oldest !== undefined) this.#world.bury(oldest, 'mailbox-full', error);
        this.#world.put(target, letter);
        return true;
      }
      case 'drop-newest':
      case 'fail':
        this.#world.bury(letter, 'mailbox-full', mailboxFull(target.path, kind.capacity));
        return true;
      case 'block': {
        this.park({ letter, target, from });
        return false;
      }
    }
  }

  park(parked: Parked): void {
    const { target, from } = parked;
    const more = target.extend();
    more.waiters ??= new WaitList();
    more.waiters.add(parked);
    if (from === undefined) return;
    const own = from.extend();
    own.parked ??= new Set();
    own.parked.add(parked);
  }

  #leaves(parked: Parked): void {
    const { from, target } = parked;
    if (from === undefined) {
      this.#world.options.out({ kind: 'credit', to: target.ref });
      return;
    }
    from.more?.parked?.delete(parked);
    this.#world.wake(from);
  }
}

function letterIn(effect: Effect): Letter | undefined {
  return effect.kind === 'ask' ? effect.letter : undefined;
}

/** The sender first, then whom it waits for, and so on. */
function ringOf(from: ActorCell, way: readonly ActorCell[]): readonly string[] {
  return [from.path, ...way.slice(0, -1).map(({ path }) => path)];
}
