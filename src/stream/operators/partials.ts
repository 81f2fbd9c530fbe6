/**
 * Partial aggregates: what an instance has of a key and slice of time before it is sent to the one that keeps the key
 * (pre-aggregate-operator.ts). What is sent is an envelope, around a partial or around a record that goes by itself.
 */

import type { KeySelector } from '../api/key-selector.js';
import type { CellFold } from './cell-fold.js';
import type { NumericFunctions } from './row-shape.js';

/** The type of the operator that makes partials: checkpoints tell by it in which form records were in flight. */
export const PRE_AGGREGATE = 'pre-aggregate';

/** A partial. Its event time is that of one of its records. */
export interface PartialEnvelope {
  readonly key: unknown;
  /** As a `WindowContent` has it. */
  readonly partial: unknown;
  /** Of how many records it is. */
  readonly records: number;
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
  return {
    ...functions,
    add(data, at, envelope) {
      if (isPartial(envelope as Envelope)) {
        // That all aggregations can be merged was asked when the graph was built.
        merge!(data, at, (envelope as PartialEnvelope).partial as number[], 0);
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
