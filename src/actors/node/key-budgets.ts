/**
 * Sharded actors fail one by one: each key has a budget of its own, kept only for keys that have failed. A key whose
 * budget is spent rests, longer each time; what is sent to it meanwhile is a dead letter.
 */

import type { Random } from '../../base/random.js';
import { type BackOffState, freshBackOff, nextDelay } from '../../supervisor/back-off.js';
import { checkSupervisorSpec, type SupervisorSpec } from '../../supervisor/child-spec.js';
import { RestartBudget } from '../../supervisor/restart-budget.js';
import { exponentialBackoff } from '../../supervisor/restart-strategy.js';

/** Of each key: see `SupervisorSpec`. Default 3 restarts within 5 000 ms. */
export type ShardOptions = Pick<SupervisorSpec, 'intensity' | 'periodMs' | 'backoff'>;

export type KeyAnswer =
  | { readonly kind: 'restart'; readonly delayMs: number }
  | { readonly kind: 'rest'; readonly restMs: number };

interface KeyRecord {
  budget: RestartBudget;
  rests: BackOffState;
}

const REST = exponentialBackoff({
  initialMs: 1_000,
  maxMs: 60_000,
  jitter: 0,
  maxAttempts: Number.POSITIVE_INFINITY,
});

export class KeyBudgets {
  readonly #random: Random;
  readonly #options = new Map<string, Parameters<typeof checkSupervisorSpec>[0]>();
  readonly #keys = new Map<string, KeyRecord>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** @throws HoldfastError ERR_HOLDFAST_BAD_CHILD_SPEC */
  define(actor: string, { intensity, periodMs, backoff }: ShardOptions): void {
    const isGiven = intensity !== undefined || periodMs !== undefined || backoff !== undefined;
    const spec = isGiven
      ? { intensity, periodMs, backoff, children: [] }
      : { intensity: 3, children: [] };
    checkSupervisorSpec(spec);
    this.#options.set(actor, spec);
  }

  optionsOf(actor: string): ShardOptions {
    const { intensity, periodMs, backoff } = this.#options.get(actor)!;
    return { intensity, periodMs, backoff };
  }

  failed(actor: string, path: string, now: number): KeyAnswer {
    let key = this.#keys.get(path);
    if (key === undefined) {
      key = { budget: this.#budget(actor), rests: freshBackOff };
      this.#keys.set(path, key);
    }
    const answer = key.budget.answer(now);
    if (answer.kind === 'restart') return { kind: 'restart', delayMs: answer.delayMs };
    const rest = nextDelay(key.rests, REST, now, this.#random);
    key.budget = this.#budget(actor);
    key.rests = rest.state;
    return { kind: 'rest', restMs: rest.kind === 'restart' ? rest.delayMs : REST.maxMs };
  }

  #budget(actor: string): RestartBudget {
    return new RestartBudget(checkSupervisorSpec(this.#options.get(actor)!), this.#random);
  }
}
