/**
 * The place where a case is played: lives that follow each other on one target, and an outsider's view of it.
 *
 *  G1  Expectations are lists of record numbers, one for each instance. Rows of one instance keep their order;
 *      rows of different instances may be mixed.
 *  G2  Every error names the clause and says what was seen.
 */

import { HoldfastError } from '../base/errors.js';
import { messageOf } from '../base/realm.js';
import { type Cut, Life } from './sink-life.js';
import type { SinkConformanceOptions } from './sink-options.js';

const NAMES_SHOWN = 5;
export const TIMEOUT_MS = 10_000;

/** Numbers of records that one instance wrote, in order. */
export type Written = readonly number[];

export class Stage<T> {
  readonly #options: SinkConformanceOptions<T>;
  readonly #clause: string;
  readonly #lives: Life<T>[] = [];
  readonly #printed: string[] = [];
  #incarnations = 0;

  constructor(options: SinkConformanceOptions<T>, clause: string) {
    this.#options = options;
    this.#clause = clause;
  }

  /** Starts a process. @param from the checkpoint to start from */
  async start(parallelism = 1, from?: Cut): Promise<Life<T>> {
    const life = this.#life();
    await life.open(parallelism, from);
    return life;
  }

  /** Ends a life without a word, and begins the next. */
  async restart(life: Life<T>, from?: Cut, parallelism = from?.parallelism ?? 1): Promise<Life<T>> {
    await life.crash();
    return await this.start(parallelism, from);
  }

  /** Exactly these rows are there, once each. @param when completes `… , ` in the message */
  async expect(when: string, ...expected: readonly Written[]): Promise<void> {
    const rows = await this.#rows();
    const wanted = this.#wanted(expected);
    const missing = [...wanted.keys()].filter((row) => !rows.includes(row));
    const foreign = rows.filter((row) => !wanted.has(row));
    const twice = rows.filter((row, at) => wanted.has(row) && rows.indexOf(row) !== at);
    const problems = [...told('missing', missing), ...told('shown twice', twice)];
    problems.push(...told('shown, but not to be seen yet, or never', foreign));
    if (problems.length === 0 && this.#options.ordered !== false) {
      for (const written of expected) {
        const order = written.map((index) => rows.indexOf(this.#text(this.#options.record(index))));
        const wrong = written.filter((_, at) => at > 0 && order[at]! < order[at - 1]!);
        const texts = wrong.map((index) => this.#text(this.#options.record(index)));
        problems.push(...told('before a row that was written earlier', texts));
      }
    }
    if (problems.length > 0) throw this.fault(`${when}, ${problems.join('; ')}`);
  }

  /** At least these rows are there, and no others. */
  async expectAtLeast(when: string, written: Written): Promise<void> {
    const rows = await this.#rows();
    const wanted = this.#wanted([written]);
    const missing = [...wanted.keys()].filter((row) => !rows.includes(row));
    const foreign = rows.filter((row) => !wanted.has(row));
    const problems = [...told('missing', missing), ...told('never written', foreign)];
    if (problems.length > 0) throw this.fault(`${when}, ${problems.join('; ')}`);
  }

  fault(problem: string, cause?: unknown): HoldfastError {
    const reason = messageOf(cause);
    const because = cause === undefined || problem.includes(reason) ? '' : `: ${reason}`;
    return new HoldfastError(
      'ERR_HOLDFAST_SINK_CONTRACT',
      `clause '${this.#clause}' of the contract of sinks is broken: ${problem}${because}.`,
      { cause, details: { clause: this.#clause } },
    );
  }

  /** Closes everything that is open, zombies as well, whose errors do not count. */
  async end(): Promise<void> {
    for (const life of this.#lives) await life.close().catch(() => {});
  }

  #life(): Life<T> {
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const life = new Life<T>(
      {
        options: this.#options,
        timeoutMs,
        printed: this.#printed,
        fault: (problem, cause) => this.fault(problem, cause),
        nextIncarnation: () => {
          this.#incarnations += 1;
          return this.#incarnations;
        },
      },
      this.#lives.length + 1,
    );
    this.#lives.push(life);
    return life;
  }

  async #rows(): Promise<readonly string[]> {
    const collected = this.#lives.findLast((life) => !life.isCrashed)?.collected ?? [];
    const rows = await this.#options.committed({ printed: this.#printed, collected });
    return rows.map((row) => this.#text(row));
  }

  #wanted(expected: readonly Written[]): ReadonlyMap<string, number> {
    const { record } = this.#options;
    return new Map(expected.flat().map((index) => [this.#text(record(index)), index]));
  }

  #text(row: unknown): string {
    return typeof row === 'string' ? row : (JSON.stringify(row) ?? String(row));
  }
}

function told(what: string, rows: readonly string[]): string[] {
  if (rows.length === 0) return [];
  const more = rows.length > NAMES_SHOWN ? ` and ${rows.length - NAMES_SHOWN} more` : '';
  return [`${what}: ${rows.slice(0, NAMES_SHOWN).join(', ')}${more}`];
}
