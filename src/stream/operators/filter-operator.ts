import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { InlineStep, Operator } from '../operator.js';
import { StatelessOperator } from './stateless-operator.js';

/** Lets those records pass for which `fn` answers something truthy. */
export function filterOperator(fn: (record: never) => unknown): () => Operator {
  return () => new FilterOperator(fn as (record: unknown) => unknown);
}

class FilterOperator extends StatelessOperator {
  readonly #fn: (record: unknown) => unknown;

  constructor(fn: (record: unknown) => unknown) {
    super();
    this.#fn = fn;
  }

  get inline(): InlineStep {
    return { kind: 'filter', fn: this.#fn };
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const fn = this.#fn;
    const passes = fn(record);
    if (passes === true) this.output.onElement(record, timestamp, 0, behind);
    else if (passes) {
      if (isThenable(passes)) throw asyncCallbackError('filter');
      this.output.onElement(record, timestamp, 0, behind);
    }
  }
}
