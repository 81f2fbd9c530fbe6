/** Draws from a seed, before anything runs, which kills a demo makes, and where. Pure. */

import { type Random, randomInt, seededRandom } from '../base/random.js';

export const killCauses = ['terminate', 'throw', 'exit', 'hang', 'out-of-memory'] as const;
export type DemoCause = (typeof killCauses)[number];

export interface PlannedKill {
  /** The kill is made once the sources have emitted so many records. */
  readonly atRecords: number;
  /** A slot, or the whole process. */
  readonly target: { readonly kind: 'slot'; readonly slot: number } | { readonly kind: 'process' };
  readonly cause: DemoCause | 'SIGKILL';
}

export interface KillPlanOptions {
  /** Number of kills of a slot; one kill of the process is added. */
  readonly kills: number;
  /** Each cause occurs at least once where there are enough kills. */
  readonly causes: readonly DemoCause[];
  readonly seed: number;
  readonly slots: number;
  readonly records: number;
}

/**
 * There is no kill in the first and in the last part of the input. A kill needs a checkpoint before it. Behind it, it
 * needs room for the recovery, a checkpoint, and the kills that it has pushed back.
 */
const FIRST_SHARE = 0.03;
const LAST_SHARE = 0.7;

/** The kills in the order in which they are made. */
export function planKills(options: KillPlanOptions): readonly PlannedKill[] {
  const { kills, causes, slots, records } = options;
  const random = seededRandom(options.seed);
  const cycled = Array.from({ length: kills }, (_, i) => causes[i % causes.length]!);
  const chosen = shuffled(cycled, random);
  const processAt = randomInt(random, kills + 1);
  const cell = ((LAST_SHARE - FIRST_SHARE) * records) / (kills + 1);
  return Array.from({ length: kills + 1 }, (_, i): PlannedKill => {
    const atRecords = Math.floor(FIRST_SHARE * records + cell * (i + random.next()));
    if (i === processAt) return { atRecords, target: { kind: 'process' }, cause: 'SIGKILL' };
    const slot = randomInt(random, slots);
    return { atRecords, target: { kind: 'slot', slot }, cause: chosen[i < processAt ? i : i - 1]! };
  });
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i -= 1) {
    const j = randomInt(random, i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
