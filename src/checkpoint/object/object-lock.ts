/**
 * One run per prefix of an object store: the lease in its index.
 *
 *  L1  The store belongs to whoever has swapped the index for one with its own token in it. Every later change
 *      is a swap on top of the owner's own last one. So an owner that was taken over cannot commit any more,
 *      however late its requests arrive: the fence is the swap, not the lease.
 *  L2  The lease only decides when a silent owner may be taken over: when its index has not changed for
 *      `leaseMs` of the *watcher's* clock. No two clocks are compared.
 *  L3  When an owner's process can be seen from here, it is looked at: a dead owner is taken over at once, a
 *      live one never.
 */

import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { livenessOf } from '../directory/process-identity.js';
import type { IndexContent, LeaseOwner } from './object-index.js';
import { crowdedError, inUseError } from './object-store-errors.js';
import type { FoundIndex, IndexRegister } from './object-store-index.js';

const ATTEMPTS_MAX = 8;
/** A watcher looks this often during a lease. */
const LOOKS_PER_LEASE = 10;
const LOOK_MS_MAX = 1_000;

/** Tokens that this process has given up, whether or not the service heard of it: certainly stale. */
const givenUp = new Set<string>();

export function giveUp(token: string): void {
  givenUp.add(token);
}

/**
 * Swaps the index for one with `owner` in it. Rejects with ERR_HOLDFAST_CHECKPOINT_LOCKED, …_CORRUPT, or
 * with what the client says.
 * @param fresh the content of the first index, when there is none
 */
export async function takeIndex(
  register: IndexRegister,
  location: string,
  owner: LeaseOwner,
  fresh: () => Promise<IndexContent>,
): Promise<FoundIndex> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const found = await register.read();
    if (found?.index.owner !== undefined) {
      const now = await watch(register, location, found, found.index.owner);
      if (now !== 'stale') continue;
    }
    const content = found === undefined ? await fresh() : found.index;
    const isUnchanged = (other: FoundIndex | undefined) => other?.tag === found?.tag;
    const outcome = await register.swap(found, { ...content, owner }, isUnchanged);
    if (outcome.kind === 'swapped') return outcome.found;
    if (outcome.kind === 'unknown') {
      // The swap may still be applied: then nobody is there to give the store back.
      giveUp(owner.token);
      throw outcome.error;
    }
  }
  throw crowdedError(location, ATTEMPTS_MAX);
}

/** Resolves when the owner may be taken over, or is no longer there; throws when it is alive. */
async function watch(
  register: IndexRegister,
  location: string,
  first: FoundIndex,
  owner: LeaseOwner,
): Promise<'stale' | 'gone'> {
  if (givenUp.has(owner.token)) return 'stale';
  const liveness = await livenessOf(owner);
  if (liveness === 'dead') return 'stale';
  if (liveness === 'alive') throw inUseError(location, owner);
  const since = performance.now();
  while (performance.now() - since < owner.leaseMs) {
    await delay(Math.min(owner.leaseMs / LOOKS_PER_LEASE, LOOK_MS_MAX));
    const now = await register.read();
    if (now?.tag === first.tag) continue;
    if (now?.index.owner?.token === owner.token) throw inUseError(location, owner);
    return 'gone';
  }
  return 'stale';
}
