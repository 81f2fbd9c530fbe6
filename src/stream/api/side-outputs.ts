/** Side outputs of `process`: declared by name, so that what goes there, and who reads it, is typed. */

import { HoldfastError } from '../../base/errors.js';
import { describeValue } from './callbacks.js';

/** The tags of a stream whose operator puts nothing aside. */
export type NoTags = Readonly<Record<never, never>>;

/** A side output as it is declared. @typeParam R its records */
export interface SideOutputSpec<out R> {
  readonly kind: 'sideOutput';
  /** Never set: it tells the compiler what the records are. */
  readonly record?: R;
}

/** Names of side outputs, each with what it is. */
export type SideOutputSpecs = Readonly<Record<string, SideOutputSpec<unknown>>>;

/** `{ cheap: sideOutput<Order>() }` gives `{ cheap: Order }`. */
export type SideTags<P> = {
  readonly [N in keyof P]: P[N] extends SideOutputSpec<infer R> ? R : never;
};

/** Late records under the name that the job gave them, if it did. */
export type LateTags<T, Late extends string> = [Late] extends [never]
  ? NoTags
  : Readonly<Record<Late, T>>;

/** Declares a side output of `process`: `sideOutputs: { cheap: sideOutput<Order>() }`. */
export function sideOutput<R>(): SideOutputSpec<R> {
  return { kind: 'sideOutput' };
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function requireTag(what: string, tag: unknown): asserts tag is string {
  if (typeof tag === 'string' && tag !== '') return;
  throw new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${what} needs a name for the side output, but was given ${describeValue(tag)}.`,
  );
}

/**
 * Checks what was declared.
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function requireSideOutputs(given: unknown): void {
  if (given === undefined) return;
  if (typeof given !== 'object' || given === null) throw badSideOutputs(given);
  for (const [name, one] of Object.entries(given)) {
    const { kind } = (one ?? {}) as { readonly kind?: unknown };
    if (kind !== 'sideOutput') throw badSideOutputs(one);
    if (name === '') {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        'process(…) cannot have a side output with an empty name; give it another.',
      );
    }
  }
}

function badSideOutputs(given: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    'process(…) needs side outputs that are declared by name, as { cheap: sideOutput() }, but was given ' +
      `${describeValue(given)}.`,
  );
}
