/**
 * Failures as data.
 *
 * A structured clone of an error loses its class, its own name and its code. So this plain record crosses threads and
 * processes instead, and on the far side an error is built from it again.
 */

import { inspect } from 'node:util';
import { clipped } from './clipped.js';
import { codeOfKind, type ErrorCode, type FailureKind, kindOfCode } from './error-codes.js';
import { HoldfastError } from './errors.js';
import { isError, UNREADABLE } from './realm.js';
import { staleDraft } from './stale-draft.js';

export type { FailureKind } from './error-codes.js';

/** Where a failure happened, as far as it is known. */
export interface FailurePlace {
  /** Slot (worker thread) number, 0-based. */
  readonly slot?: number | undefined;
  /** Operator id (its uid), or a source's or sink's. */
  readonly operator?: string | undefined;
  /** Instance of the operator, 0-based. */
  readonly instance?: number | undefined;
  /**
   * The record's position in its source's words (file and line, row number), or the number of records processed; of a
   * timer or a window's row its key and time.
   */
  readonly position?: string | undefined;
  /** The record in work as a text, where it is known. */
  readonly record?: string | undefined;
}

export interface Failure extends FailurePlace {
  readonly kind: FailureKind;
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly code?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: Failure | undefined;
}

/** Stands in the details of an error with which a sink refuses a record that it would refuse again. */
export const UNFIT_RECORD = 'unfitRecord';
/** In an error's details: the path of a file or folder that somebody has taken away. It does not come back by itself. */
export const GONE = 'gone';
/** In an error's details, where a user's own source breaks its contract: it would break it again. */
export const MISUSE = 'misuse';

const CAUSE_DEPTH_MAX = 8;
/** Longest message or stack, in characters. */
const TEXT_MAX = 16_384;
/** Longest text of a record, in characters. */
const RECORD_TEXT_MAX = 500;
const INSPECT_OPTIONS = {
  depth: 2,
  maxArrayLength: 20,
  maxStringLength: 1_000,
  breakLength: Number.POSITIVE_INFINITY,
} as const;

/** The kind of an error of ours, by its code; `internal` for any other error. */
export function kindOfError(error: unknown): FailureKind {
  return error instanceof HoldfastError ? kindOfCode(error.code) : 'internal';
}

/** Turns anything that was thrown into data. Never throws. */
export function toFailure(
  thrown: unknown,
  kind: FailureKind,
  place: FailurePlace = {},
  depth = 0,
): Failure {
  try {
    return read((depth === 0 && staleDraft(thrown)) || thrown, kind, place, depth);
  } catch {
    // The value is a Proxy or has a getter that throws. Nothing more can be said about it.
    return { kind, name: 'Error', message: UNREADABLE, ...place };
  }
}

function read(thrown: unknown, kind: FailureKind, place: FailurePlace, depth: number): Failure {
  if (!isErrorLike(thrown)) {
    return { kind, name: 'Error', message: `thrown value: ${describe(thrown)}`, ...place };
  }
  const cause = thrown.cause ?? thrown.errors?.[0];
  const said = messageOf(thrown);
  const message = shortened(said);
  return {
    kind,
    name: typeof thrown.name === 'string' ? className(thrown) : 'Error',
    message,
    // A stack begins with the message, and a long message must not push the frames out. So it may be twice as long.
    stack:
      typeof thrown.stack === 'string'
        ? shortened(message === said ? thrown.stack : thrown.stack.replace(said, () => message), 2)
        : undefined,
    code: typeof thrown.code === 'string' ? thrown.code : undefined,
    details: thrown instanceof HoldfastError ? plain(thrown.details) : undefined,
    cause:
      cause === undefined || cause === null || depth >= CAUSE_DEPTH_MAX
        ? undefined
        : toFailure(cause, kind, {}, depth + 1),
    ...place,
  };
}

type ErrorLike = Partial<Error> & {
  readonly code?: unknown;
  /** The errors of an `AggregateError`. */
  readonly errors?: readonly unknown[];
};

function isErrorLike(thrown: unknown): thrown is ErrorLike {
  if (isError(thrown)) return true;
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    (typeof (thrown as ErrorLike).message === 'string' ||
      typeof (thrown as ErrorLike).stack === 'string')
  );
}

/** The error's message. Node's AggregateError of refused connections has none, but each of its errors has. */
function messageOf({ message, errors }: ErrorLike): string {
  if (typeof message === 'string' && (message !== '' || !Array.isArray(errors))) return message;
  return Array.isArray(errors) ? errors.map((error) => describe(error)).join('; ') : '';
}

/** Shortens a text, so that it does not fill the memory of those who log it. */
function shortened(text: string, times = 1): string {
  const most = TEXT_MAX * times;
  if (text.length <= most) return text;
  return `${text.slice(0, most)}… (${text.length - most} more characters)`;
}

/** Makes a `HoldfastError` of a failure, with its chain of causes. */
export function failureToError(failure: Failure, code?: ErrorCode): HoldfastError {
  const own = failure.code?.startsWith('ERR_HOLDFAST_') ? (failure.code as ErrorCode) : undefined;
  if (own !== undefined && (code === undefined || code === own)) {
    const error = new HoldfastError(own, failure.message, {
      details: { ...failure.details, ...placeOf(failure) },
      ...(failure.cause === undefined ? {} : { cause: originalError(failure.cause) }),
    });
    if (failure.stack !== undefined) error.stack = failure.stack;
    return error;
  }
  const chosen = code ?? codeOfKind(failure.kind);
  // The message of an error of ours says everything.
  const what = own === undefined ? `${failure.name}: ${failure.message}` : failure.message;
  return new HoldfastError(chosen, `${describePlace(failure)}${what}`, {
    cause: originalError(failure),
    details: { ...failure.details, ...placeOf(failure), kind: failure.kind },
  });
}

/** Makes an `Error` with the name, message, code, stack and causes of the original one. */
export function originalError(failure: Failure): Error {
  if (failure.code?.startsWith('ERR_HOLDFAST_')) return failureToError(failure);
  const error = new Error(
    failure.message,
    failure.cause === undefined ? undefined : { cause: originalError(failure.cause) },
  );
  error.name = failure.name;
  if (failure.stack !== undefined) error.stack = failure.stack;
  if (failure.code !== undefined) Object.assign(error, { code: failure.code });
  return error;
}

/** The place as a text: `operator 'x', instance 1, at row 17 (slot 0): `, or an empty one. */
export function describePlace(place: FailurePlace): string {
  const parts: string[] = [];
  if (place.operator !== undefined) parts.push(`operator '${place.operator}'`);
  if (place.instance !== undefined) parts.push(`instance ${place.instance}`);
  if (place.position !== undefined) parts.push(`at ${place.position}`);
  const slot = place.slot === undefined ? '' : `${parts.length > 0 ? ' ' : ''}(slot ${place.slot})`;
  const text = parts.join(', ') + slot;
  return text === '' ? '' : `${text}: `;
}

/** A record as a text for messages. Getters are not called, and a long text is shortened. */
export function describeRecord(record: unknown): string {
  return clipped(describe(record).replaceAll(/\s+/g, ' '), RECORD_TEXT_MAX);
}

function placeOf(failure: Failure): FailurePlace {
  const { slot, operator, instance, position, record } = failure;
  // Unknown parts must not replace what the error's details say.
  return {
    ...(slot === undefined ? {} : { slot }),
    ...(operator === undefined ? {} : { operator }),
    ...(instance === undefined ? {} : { instance }),
    ...(position === undefined ? {} : { position }),
    ...(record === undefined ? {} : { record }),
  };
}

/** The name of the error's class. A class that sets no `name` inherits that of a built-in, and its own says more. */
function className(error: ErrorLike): string {
  const prototype: unknown = Object.getPrototypeOf(error);
  const isInherited =
    prototype !== null &&
    !Object.hasOwn(error, 'name') &&
    !Object.hasOwn(prototype as object, 'name');
  const fromClass: unknown = error.constructor?.name;
  // Node's errors share a class named NodeError, which says less than the built-in's name.
  const tells = typeof fromClass === 'string' && fromClass !== '' && fromClass !== 'NodeError';
  return isInherited && tells ? fromClass : String(error.name);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return shortened(value);
  try {
    if (isError(value)) return shortened(String(value));
    return shortened(typeof value === 'object' ? inspect(value, INSPECT_OPTIONS) : String(value));
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function plain(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  try {
    return structuredClone(details);
  } catch {
    return Object.fromEntries(Object.entries(details).map(([key, value]) => [key, String(value)]));
  }
}
