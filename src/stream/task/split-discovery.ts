/**
 * Asks a source for further splits, again and again. The task takes what the source gives between two records;
 * when the source fails, the error is thrown there.
 */

import { isThenable } from '../api/callbacks.js';
import type { Source, SourceContext, SourceSplit } from '../source.js';
import { checkSplits } from './source-checks.js';

export class SplitDiscovery {
  readonly #source: Source<unknown>;
  readonly #context: SourceContext;
  readonly #wake: () => void;
  #found: readonly SourceSplit[] | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** The source may still find more. */
  isOpen = true;
  #closed = false;

  constructor(source: Source<unknown>, context: SourceContext, wake: () => void) {
    this.#source = source;
    this.#context = context;
    this.#wake = wake;
  }

  begin(): void {
    let asked: unknown;
    try {
      asked = this.#source.discover!(this.#context);
    } catch (error) {
      this.#failed(error);
      return;
    }
    const given = isThenable(asked) ? asked : Promise.resolve(asked);
    given.then(
      (splits) => this.#given(splits),
      (error: unknown) => this.#failed(error),
    );
  }

  /** The splits found since the last call; asks for more. @throws what the source has failed with */
  take(): readonly SourceSplit[] | undefined {
    if (this.#failure !== undefined) throw this.#failure.error;
    const found = this.#found;
    this.#found = undefined;
    if (found !== undefined) this.begin();
    return found;
  }

  /** Splits were found that nobody has taken yet. */
  get hasFound(): boolean {
    return this.#found !== undefined;
  }

  close(): void {
    this.#closed = true;
  }

  #given(splits: unknown): void {
    if (this.#closed) return;
    try {
      if (splits === undefined) this.isOpen = false;
      else this.#found = checkSplits(this.#context.operator, splits, 'discover()');
    } catch (error) {
      this.#failure = { error };
    }
    this.#wake();
  }

  #failed(error: unknown): void {
    this.#failure = { error };
    if (!this.#closed) this.#wake();
  }
}
