/** Broadcast state: what every instance has, one stream writes, and callbacks of another stream read. */

import { HoldfastError } from '../../base/errors.js';
import type { StateDescription } from '../state/state-layout.js';
import { describeSlots, requireStates, type StateSpecs, type States, slotsOf } from './process.js';
import type { StreamOrigin } from './stream-origin.js';

/** States that can only be read. Whoever changes them all the same gets ERR_HOLDFAST_USER_CODE. */
export type ReadStates<B> = {
  readonly [N in keyof B]: States<B>[N] extends infer Handle
    ? Pick<Handle, Extract<keyof Handle, 'get' | 'has' | 'values' | 'entries'>>
    : never;
};

/** What `onLeft` and `onTimer` find of broadcast state. */
export interface ReadsBroadcast<B> {
  readonly broadcast: ReadStates<B>;
}

/** What `onRight` finds of broadcast state: the same on every instance, so it must not depend on anything else. */
export interface WritesBroadcast<B> {
  readonly broadcast: States<B>;
}

/** A stream that writes broadcast state: for `connect`. @typeParam B declared states */
export class BroadcastStream<T, B extends StateSpecs> {
  /** @internal */
  readonly origin: StreamOrigin;
  /** @internal */
  readonly state: B;
  /** Never set: it tells the compiler what the records are. */
  declare readonly record?: T;

  /** @internal */
  constructor(origin: StreamOrigin, state: B) {
    this.origin = origin;
    this.state = state;
  }
}

/** The section of broadcast state in a checkpoint. */
export const BROADCAST_SECTION = 'broadcast';

export function describeBroadcast(state: StateSpecs): StateDescription {
  return describeSlots(slotsOf({ state }), BROADCAST_SECTION);
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function requireBroadcastState(state: unknown): asserts state is StateSpecs {
  requireStates(state);
  const names = Object.keys(state);
  if (names.length === 0) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      'broadcast(…) was given no states. Name what the stream writes, as in broadcast({ rules: map() }), or call ' +
        'broadcast() to give every record to every instance.',
    );
  }
  const expiring = names.find((name) => state[name]?.ttlMs !== undefined);
  if (expiring === undefined) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `broadcast state cannot expire, and '${expiring}' has ttlMs: instances would let go of it at different times. ` +
      'Leave ttlMs out, and let a record of the broadcast stream delete what is over.',
  );
}
