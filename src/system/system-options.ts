/** The options of a system of actors: what was given, checked, with what is the default. */

import { type AnyDefinition, isActorDefinition } from '../actors/actor-definition.js';
import { twoDefinitions } from '../actors/actor-errors.js';
import type { SuperviseOptions } from '../actors/node/actor-child.js';
import { badOption, checkNumber, checkObject, TIMER_MS_MAX } from '../base/option-checks.js';
import { openCheckpointDirectory } from '../checkpoint/directory/directory-store.js';
import { MemoryStore } from '../checkpoint/memory-store.js';
import type { CheckpointStore } from '../checkpoint/store.js';
import type { RunOptions } from '../job/job-types.js';
import { checkPlace, type RestoreFrom, resolveHeartbeat, resolveRestore } from '../job/options.js';
import {
  checkRestartStrategy,
  exponentialBackoff,
  type RestartStrategy,
} from '../supervisor/restart-strategy.js';

export interface SystemOptions {
  /** All definitions of the system, at least one. Their modules are loaded by every thread. */
  readonly actors: readonly AnyDefinition[];
  /** Default 2. */
  readonly threads?: number | undefined;
  /** For people, and in snapshots. Default `actors`. */
  readonly name?: string | undefined;
  /** Of what stands at the top of each thread. Default: one for one, 3 restarts within 5 000 ms. */
  readonly supervisor?: Omit<SuperviseOptions, 'children'> | undefined;
  readonly snapshots?: SnapshotOptions | undefined;
  /** `latest` (default), `none`, or the number of a snapshot as text. */
  readonly restore?: string | undefined;
  /** What follows the death of a thread. Default `exponentialBackoff()`. */
  readonly restart?: RestartStrategy | undefined;
  readonly heartbeat?: RunOptions['heartbeat'];
  /** Of what is told and asked from outside. */
  readonly journal?: { readonly capacity?: number | undefined } | undefined;
  /** Of tells and asks with an id. */
  readonly ids?: { readonly keep?: number | undefined } | undefined;
}

export interface SnapshotOptions {
  /** Default: they are kept in memory, and are gone with the process. */
  readonly directory?: string | undefined;
  readonly store?: CheckpointStore | undefined;
  /** From one to the next, in milliseconds. Default 1 000. */
  readonly intervalMs?: number | undefined;
  /** How many are kept; at least 2. Default 3. */
  readonly retain?: number | undefined;
}

export interface ResolvedSystemOptions {
  readonly actors: readonly AnyDefinition[];
  readonly threads: number;
  readonly name: string;
  readonly supervisor: Omit<SuperviseOptions, 'children'> | undefined;
  readonly store: CheckpointStore;
  readonly intervalMs: number;
  readonly retain: number;
  readonly restore: RestoreFrom;
  readonly restart: RestartStrategy;
  readonly heartbeat: ReturnType<typeof resolveHeartbeat>;
  readonly capacity: number;
  readonly keep: number;
}

const THREADS_MAX = 1_024;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ACTOR_DEFINITION */
export function resolveSystemOptions(options: SystemOptions): ResolvedSystemOptions {
  const given = checkObject('', options, [
    'actors',
    'threads',
    'name',
    'supervisor',
    'snapshots',
    'restore',
    'restart',
    'heartbeat',
    'journal',
    'ids',
  ]) as SystemOptions;
  const names = ['directory', 'store', 'intervalMs', 'retain'] as const;
  const snapshots = checkObject('snapshots', given.snapshots, names);
  const journal = checkObject('journal', given.journal, ['capacity']);
  const ids = checkObject('ids', given.ids, ['keep']);
  const { name = 'actors' } = given;
  if (typeof name !== 'string' || name === '') throw badOption('name', name, 'a text');
  const count = { min: 1, max: 100_000_000, integer: true } as const;
  return Object.freeze({
    actors: checkActors(given.actors),
    threads: checkNumber('threads', given.threads, 2, { ...count, max: THREADS_MAX }),
    name,
    supervisor: given.supervisor,
    intervalMs: checkNumber('snapshots.intervalMs', snapshots.intervalMs, 1_000, {
      min: 10,
      max: TIMER_MS_MAX,
      unit: 'milliseconds',
    }),
    retain: checkNumber('snapshots.retain', snapshots.retain, 3, { ...count, min: 2 }),
    restore: resolveRestore(given.restore, true),
    restart:
      given.restart === undefined ? exponentialBackoff() : checkRestartStrategy(given.restart),
    heartbeat: resolveHeartbeat(given.heartbeat),
    capacity: checkNumber('journal.capacity', journal.capacity, 100_000, count),
    keep: checkNumber('ids.keep', ids.keep, 100_000, count),
    // Last: nothing is opened for options that are refused.
    store: storeOf(snapshots),
  });
}

function checkActors(given: unknown): readonly AnyDefinition[] {
  const allowed = 'a list of what defineActor gives, with at least one';
  if (!Array.isArray(given) || given.length === 0) throw badOption('actors', given, allowed);
  const byName = new Map<string, AnyDefinition>();
  for (const one of given) {
    if (!isActorDefinition(one)) throw badOption('actors', one, allowed);
    const other = byName.get(one.name);
    if (other !== undefined && other !== (one as unknown)) {
      throw twoDefinitions(one.name, [other.url, one.url]);
    }
    byName.set(one.name, one as AnyDefinition);
  }
  return [...byName.values()];
}

function storeOf(given: SnapshotOptions): CheckpointStore {
  checkPlace('snapshots', given);
  const { directory, store } = given;
  if (store !== undefined) return store;
  return directory === undefined ? new MemoryStore() : openCheckpointDirectory(directory);
}
