/**
 * Who waits for whom. An actor waits for another one when its async handler awaits an answer of it, or when it has a
 * message for a full mailbox. It goes on when all of that is over; so each circle of waiting actors waits for ever.
 */

import type { ActorCell } from './actor-cell.js';

/**
 * The way from one actor to another along those that wait.
 * @param except an ask that is being answered, so that nobody waits for it any more
 * @returns both ends and those between; undefined: there is none
 */
export function waitPath(
  from: ActorCell,
  goal: ActorCell,
  except?: number | undefined,
): readonly ActorCell[] | undefined {
  if (from === goal) return [from];
  if (!isWaiting(from)) return undefined;
  const cameFrom = new Map<ActorCell, ActorCell | undefined>([[from, undefined]]);
  const open = [from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const next of waitsFor(at, except)) {
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, at);
      if (next === goal) return wayBack(cameFrom, goal);
      open.push(next);
    }
  }
  return undefined;
}

function isWaiting({ held, more }: ActorCell): boolean {
  return (held?.awaits.size ?? 0) > 0 || (more?.parked?.size ?? 0) > 0;
}

function* waitsFor({ held, more }: ActorCell, except: number | undefined): Iterable<ActorCell> {
  for (const [ask, target] of held?.awaits ?? []) if (ask !== except) yield target;
  for (const { target } of more?.parked ?? []) yield target;
}

function wayBack(
  cameFrom: ReadonlyMap<ActorCell, ActorCell | undefined>,
  goal: ActorCell,
): ActorCell[] {
  const way: ActorCell[] = [];
  for (let at: ActorCell | undefined = goal; at !== undefined; at = cameFrom.get(at)) way.push(at);
  return way.reverse();
}
