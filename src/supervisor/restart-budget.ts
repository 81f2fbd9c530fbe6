/**
 * Decides whether one more failure is answered by a restart, and when: by OTP's intensity, a back-off, or both.
 *
 *  R1  Intensity: a failure is answered while there are at most `restarts` of them, this one
 *      included, within the last `periodMs`. (A failure exactly a period ago still counts, as in OTP.)
 *  R2  With both, both must allow the restart. When the intensity has been exceeded, the back-off is not asked, and
 *      no chance is spent.
 *  R3  Progress begins the back-off anew; the intensity depends on time alone.
 *  R4  At most `restarts` times are remembered, and each is dropped once.
 */

import type { Random } from '../base/random.js';
import { type BackOffState, freshBackOff, nextDelay, resetBackOff } from './back-off.js';
import type { ResolvedSupervisorSpec } from './child-spec.js';
import type { RestartStrategy } from './restart-strategy.js';

export type BudgetAnswer =
  /** `attempt`: 1 for the first since the last progress, or within the period. */
  | { readonly kind: 'restart'; readonly attempt: number; readonly delayMs: number }
  /** `attempts`: how many restarts were made before this failure. */
  | { readonly kind: 'give-up'; readonly attempts: number };

export class RestartBudget {
  readonly #given: Pick<ResolvedSupervisorSpec, 'intensity' | 'backoff'>;
  readonly #random: Random;
  #backOff: BackOffState = freshBackOff;
  /** When restarts within the period were answered, oldest first, from `#oldest` on. */
  #atMs: number[] = [];
  #oldest = 0;

  constructor(given: Pick<ResolvedSupervisorSpec, 'intensity' | 'backoff'>, random: Random) {
    this.#given = given;
    this.#random = random;
  }

  /** @param now milliseconds of a clock that does not go back */
  answer(now: number): BudgetAnswer {
    const { intensity, backoff } = this.#given;
    const recent = this.#recent(now);
    if (intensity !== undefined && recent >= intensity.restarts) {
      const attempts = backoff === undefined ? recent : this.#backOff.attempts;
      return { kind: 'give-up', attempts }; // R1, R2
    }
    let attempt = recent + 1;
    let delayMs = 0;
    if (backoff !== undefined) {
      const answer = nextDelay(this.#backOff, backoff, now, this.#random);
      this.#backOff = answer.state;
      if (answer.kind === 'give-up') return { kind: 'give-up', attempts: answer.attempts };
      ({ attempt, delayMs } = answer);
    }
    if (intensity !== undefined) this.#atMs.push(now);
    return { kind: 'restart', attempt, delayMs };
  }

  progress(): void {
    this.#backOff = resetBackOff(this.#backOff); // R3
  }

  /** In words and numbers, for people. */
  describe(now: number): string {
    const { intensity, backoff } = this.#given;
    const parts: string[] = [];
    if (intensity !== undefined) {
      const recent = this.#recent(now);
      parts.push(`${recent} of ${intensity.restarts} restarts within ${intensity.periodMs} ms`);
    }
    if (backoff !== undefined) parts.push(describeBackOff(this.#backOff, backoff, now));
    return parts.join(' and ');
  }

  #recent(now: number): number {
    const sinceMs = now - (this.#given.intensity?.periodMs ?? 0);
    while (this.#oldest < this.#atMs.length && this.#atMs[this.#oldest]! < sinceMs) {
      this.#oldest += 1;
    }
    if (this.#oldest > 32 && this.#oldest * 2 > this.#atMs.length) {
      this.#atMs = this.#atMs.slice(this.#oldest); // R4: as many drops pay for the copy
      this.#oldest = 0;
    }
    return this.#atMs.length - this.#oldest;
  }
}

function describeBackOff(
  { attempts, failuresAtMs }: BackOffState,
  strategy: RestartStrategy,
  now: number,
): string {
  const of = (made: number, max: number): string =>
    max === Number.POSITIVE_INFINITY ? `${made}` : `${made} of ${max}`;
  switch (strategy.kind) {
    case 'none':
      return 'no restarts';
    case 'fixed-delay':
      return `${of(attempts, strategy.attempts)} restarts without progress, after ${strategy.delayMs} ms`;
    case 'failure-rate': {
      const { failuresMax, intervalMs, delayMs } = strategy;
      const recent = failuresAtMs.filter((atMs) => atMs > now - intervalMs).length;
      return `${of(recent, failuresMax)} failures within ${intervalMs} ms, restarts after ${delayMs} ms`;
    }
    case 'exponential-backoff': {
      const { maxAttempts, initialMs, maxMs } = strategy;
      const delays = `after ${initialMs} to ${maxMs} ms`;
      return `${of(attempts, maxAttempts)} restarts without progress, ${delays}`;
    }
  }
}
