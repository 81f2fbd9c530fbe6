/** `defineCodec`: turns instances of a class of the user's into plain data and back. */

import { HoldfastError } from '../base/errors.js';
import { type Codec, show } from './codec-registry.js';
import { isBuiltIn } from './value-kinds.js';

export interface CodecOptions<T extends object, D> {
  /** Names the class in checkpoints, for ever. The class's own name may change. */
  readonly id: string;
  /** Version of the data that `encode` gives. Default 1. A checkpoint with a higher version is refused. */
  readonly version?: number | undefined;
  /** The class. Instances of classes that extend it need codecs of their own. */
  readonly type: abstract new (
    ...args: never[]
  ) => T;
  /** The instance as data: anything that may be in a record, such as instances of other classes with codecs. */
  readonly encode: (value: T) => D;
  /** An instance of exactly `type`, equal to the one that `encode` was given. */
  readonly decode: (data: D) => T;
  /**
   * Turns data of an earlier version into that of today. Needed only where there is such data: without it a restore
   * that meets some is refused.
   */
  readonly migrate?: ((data: unknown, fromVersion: number) => D) | undefined;
}

const ID = /^[\p{L}\p{N}][\p{L}\p{N} ._:/@-]{0,99}$/u;

/**
 * Lets instances of a class be in records and in state. `encode` turns an instance into data, `decode`
 * makes it again. Both are called whenever a value crosses between tasks or goes into a checkpoint, so they
 * must be fast, synchronous, and free of side effects. An instance must not be part of its own data.
 * Register the codec where the job is built, `env.codecs(money)`, and in `run(…, { codecs: [money] })` for
 * rows that `collected(name)` gives.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function defineCodec<T extends object, D>(options: CodecOptions<T, D>): Codec<T, D> {
  const { id, version = 1, type, encode, decode, migrate } = options ?? {};
  const fail = (what: string): never => {
    throw new HoldfastError('ERR_HOLDFAST_BAD_OPTION', `defineCodec: ${what}.`);
  };
  if (typeof id !== 'string' || !ID.test(id)) {
    fail(`id must be a name of 1 to 100 letters, digits and ._:/@-, but is ${show(id)}`);
  }
  if (!Number.isSafeInteger(version) || version < 1) {
    fail(`version of '${id}' must be a whole number from 1 on, but is ${show(version)}`);
  }
  if (typeof type !== 'function' || typeof type.prototype !== 'object' || type.prototype === null) {
    fail(`type of '${id}' must be the class, but is ${show(type)}`);
  }
  if (isBuiltIn(type.prototype as object)) {
    fail(`type of '${id}' must be a class of your own: ${type.name} needs no codec`);
  }
  for (const [name, given] of Object.entries({ encode, decode })) {
    if (typeof given !== 'function') fail(`${name} of '${id}' must be a function`);
  }
  if (migrate !== undefined && typeof migrate !== 'function') {
    fail(`migrate of '${id}' must be a function`);
  }
  return Object.freeze({ id, version, type, encode, decode, migrate });
}
