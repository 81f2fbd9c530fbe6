/** Names the operator and the record in a task's error. */

import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { type Failure, type FailureKind, toFailure } from '../../base/failure.js';
import { messageOf } from '../../base/realm.js';
import type { Graph } from '../graph/graph.js';
import { LocatedError } from './located-error.js';

export interface TaskPlace {
  readonly graph: Graph;
  /** The chain's first node: an error without a known operator counts as this one's. */
  readonly head: string;
  readonly instance: number;
}

/** @param position where the task is in its input */
export function taskFailure(
  thrown: unknown,
  place: TaskPlace,
  position: string,
  kind?: FailureKind,
): Failure {
  const { operator, error, record, position: own } = placed(thrown, place);
  return toFailure(error, kind ?? kindOf(operator, error, place), {
    operator,
    instance: place.instance,
    position: own ?? position,
    ...(record === undefined ? {} : { record }),
  });
}

/** The error for a caller who waits: Holdfast's own errors as they are, others named as the source's or the sink's. */
export function taskError(thrown: unknown, place: TaskPlace): unknown {
  const { operator, error } = placed(thrown, place);
  const kind = kindOf(operator, error, place);
  if (error instanceof HoldfastError || (kind !== 'sink' && kind !== 'source')) return error;
  return new HoldfastError(
    kind === 'sink' ? 'ERR_HOLDFAST_SINK' : 'ERR_HOLDFAST_SOURCE',
    `${kind} '${operator}' could not be opened: ${messageOf(error)}`,
    { cause: error },
  );
}

function placed(
  thrown: unknown,
  place: TaskPlace,
): Pick<LocatedError, 'operator' | 'error' | 'record' | 'position'> {
  if (thrown instanceof LocatedError) return thrown;
  return { operator: place.head, error: thrown, record: undefined, position: undefined };
}

function kindOf(operator: string, error: unknown, place: TaskPlace): FailureKind {
  if (isHoldfastError(error, 'ERR_HOLDFAST_INTERNAL')) return 'internal';
  const kind = place.graph.nodes.find((node) => node.id === operator)?.kind;
  return kind === 'source' || kind === 'sink' ? kind : 'user-code';
}
