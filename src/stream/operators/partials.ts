/**
 * Partial aggregates: what an instance has of a key and slice of time before it is sent to the one that keeps the key
 * (pre-aggregate-operator.ts). What is sent is an envelope, around a partial or around a record that goes by itself.
 */

import type { Words } from '../api/aggregations.js';
import type { KeySelector } from '../api/key-selector.js';
import type { CellFold } from './cell-fold.js';
import { generate, type NumericFunctions } from './row-shape.js';

/** The type of the operator that makes partials: checkpoints tell by it in which form records were in flight. */
export const PRE_AGGREGATE = 'pre-aggregate';

/** A partial. Its event time is that of one of its records. */
export interface PartialEnvelope {
  readonly key: unknown;
  /** As a `WindowContent` has it; undefined where it is of few numbers, which have fields of their own then. */
  readonly partial?: unknown;
  /** Of how many records it is. */
  readonly records: number;
}

type EnvelopeOf = (key: unknown, partial: unknown, records: number) => PartialEnvelope;

/** So many numbers have fields of their own: a channel has a column for each, and none for what is in an array. */
const FIELDS_MAX = 8;

/**
 * How partials are put into envelopes.
 * @param words how many numbers a partial is; undefined: it is something else
 */
export function enveloping(words: number | undefined): EnvelopeOf {
  if (words === undefined || words > FIELDS_MAX) {
    return (key, partial, records) => ({ key, partial, records });
  }
  const numbers = fieldsOf(words).map((field, word) => `, ${field}: partial[${word}]`);
  return generate([], `(key, partial, records) => ({ key, records${numbers.join('')} })`, []);
}

/** The numbers of a partial, in an array that is used again. Former versions kept them in an array in each envelope. */
function numbersIn(words: number): (envelope: PartialEnvelope) => Words {
  if (words > FIELDS_MAX) return ({ partial }) => partial as number[];
  const numbers = fieldsOf(words).map((field, word) => `numbers[${word}] = envelope.${field};`);
  return generate(
    ['numbers'],
    `(envelope) => {
      if (envelope.partial !== undefined) return envelope.partial;
      ${numbers.join(' ')}
      return numbers;
    }`,
    [new Float64Array(words)],
  );
}

function fieldsOf(words: number): string[] {
  return Array.from({ length: words }, (_, word) => `n${word}`);
}

export interface RecordEnvelope {
  readonly record: unknown;
}

export type Envelope = PartialEnvelope | RecordEnvelope;

export function isPartial(envelope: Envelope): envelope is PartialEnvelope {
  return (envelope as PartialEnvelope).records !== undefined;
}

/** The key of what is in an envelope. @param select the key of a record */
export function keyOfEnvelope(select: KeySelector): KeySelector {
  return ((envelope: Envelope) =>
    isPartial(envelope)
      ? envelope.key
      : (select as (record: unknown) => unknown)(envelope.record)) as KeySelector;
}

/** The same functions, which take envelopes in the place of records. */
export function numericOfEnvelopes(functions: NumericFunctions): NumericFunctions {
  const { add, merge } = functions;
  const numbersOf = numbersIn(functions.words);
  return {
    ...functions,
    add(data, at, envelope) {
      if (isPartial(envelope as Envelope)) {
        // That all aggregations can be merged was asked when the graph was built.
        merge!(data, at, numbersOf(envelope as PartialEnvelope), 0);
      } else add(data, at, (envelope as RecordEnvelope).record);
    },
  };
}

/** The same fold over envelopes. */
export function foldOfEnvelopes(fold: CellFold): CellFold {
  // What has come may be frozen, and the value is going to change. What is the user's the state copies anyway.
  const begun = (partial: unknown) => (fold.isUsers ? partial : fold.copy(partial));
  return {
    ...fold,
    first: (envelope, timestamp) =>
      isPartial(envelope as Envelope)
        ? begun((envelope as PartialEnvelope).partial)
        : fold.first((envelope as RecordEnvelope).record, timestamp),
    add: (value, envelope, timestamp) =>
      isPartial(envelope as Envelope)
        ? fold.absorb(value, (envelope as PartialEnvelope).partial)
        : fold.add(value, (envelope as RecordEnvelope).record, timestamp),
  };
}
