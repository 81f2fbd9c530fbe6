import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { InlineStep, Operator } from '../operator.js';
import { StatelessOperator } from './stateless-operator.js';

/** One record out for each record in. */
export function mapOperator(fn: (record: never) => unknown): () => Operator {
  return () => new MapOperator(fn as (record: unknown) => unknown);
}

class MapOperator extends StatelessOperator {
  readonly #fn: (record: unknown) => unknown;

  constructor(fn: (record: unknown) => unknown) {
    super();
    this.#fn = fn;
  }

  get inline(): InlineStep {
    return { kind: 'map', fn: this.#fn };
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const fn = this.#fn;
    const result = fn(record);
    if (isThenable(result)) throw asyncCallbackError('map');
    this.output.onElement(result, timestamp, 0, behind);
  }
}
