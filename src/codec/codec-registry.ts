/**
 * The codecs of users' classes that this thread knows. Functions do not cross threads, so each worker gets
 * them from the job's build function, and the thread that calls `run(…)` from its options.
 *
 *  R1  A codec is for one class exactly: an instance of a subclass needs a codec of its own.
 *  R2  A later codec of the same id takes the place of an earlier one, because a job is built anew after every
 *      failure, and may define its codecs where it registers them.
 */

import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { isError } from '../base/realm.js';

/** Turns instances of a class into plain data and back: see `defineCodec`. */
export interface Codec<T extends object = object, D = unknown> {
  readonly id: string;
  readonly version: number;
  readonly type: abstract new (...args: never[]) => T;
  // Methods, so that a codec of any class is a `Codec`.
  encode(value: T): D;
  decode(data: D): T;
  migrate?: ((data: unknown, fromVersion: number) => D) | undefined;
}

const byId = new Map<string, Codec>();
const byPrototype = new Map<object, Codec>();

/** Adds codecs (R2). @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when two of the list share an id or a class */
export function registerCodecs(codecs: readonly Codec[]): void {
  checkCodecs(codecs);
  for (const codec of codecs) {
    const before = byId.get(codec.id);
    if (before !== undefined) byPrototype.delete(before.type.prototype as object);
    const other = byPrototype.get(codec.type.prototype as object);
    if (other !== undefined) byId.delete(other.id);
    byId.set(codec.id, codec);
    byPrototype.set(codec.type.prototype as object, codec);
  }
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkCodecs(codecs: readonly Codec[]): void {
  const seen = new Map<unknown, string>();
  for (const codec of codecs) {
    if (typeof codec !== 'object' || codec === null || typeof codec.decode !== 'function') {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `a codec must be what defineCodec({ … }) gives, but is ${show(codec)}.`,
      );
    }
    for (const key of [codec.id, codec.type]) {
      const other = seen.get(key);
      if (other !== undefined) {
        throw new HoldfastError(
          'ERR_HOLDFAST_BAD_OPTION',
          `the codecs '${other}' and '${codec.id}' are for the same ${key === codec.id ? 'id' : 'class'}: ` +
            'give each class one codec, and each codec an id of its own.',
          { details: { id: codec.id } },
        );
      }
      seen.set(key, codec.id);
    }
  }
}

/** The codec of the class with this prototype (R1). */
export function codecOf(prototype: object): Codec | undefined {
  return byPrototype.size === 0 ? undefined : byPrototype.get(prototype);
}

/** The instance as data. @throws HoldfastError ERR_HOLDFAST_CODEC when the codec throws */
export function toData(codec: Codec, value: object, where: () => string): unknown {
  try {
    return codec.encode(value);
  } catch (error) {
    throw codecFailed(codec, 'encode', `${where()}, an instance of ${codec.type.name}`, error);
  }
}

/**
 * The instance again.
 * @throws HoldfastError ERR_HOLDFAST_CODEC when there is no such codec in this thread, when the data is of
 *   another version that cannot be migrated, or when the codec fails
 */
export function fromData(id: string, version: number, data: unknown): object {
  const codec = byId.get(id);
  if (codec === undefined) throw missing(id, version);
  const made = attempt(codec, current(codec, version, data));
  if (Object.getPrototypeOf(made) !== codec.type.prototype) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CODEC',
      `decode of the codec '${id}' gave ${show(made)} instead of an instance of exactly ${codec.type.name}.`,
      { details: { id, version } },
    );
  }
  return made as object;
}

function attempt(codec: Codec, data: unknown): unknown {
  try {
    return codec.decode(data);
  } catch (error) {
    throw codecFailed(codec, 'decode', 'stored data', error);
  }
}

function current(codec: Codec, version: number, data: unknown): unknown {
  const { id } = codec;
  if (version === codec.version) return data;
  if (version > codec.version) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CODEC',
      `a value was written by version ${version} of the codec '${id}', this job has version ` +
        `${codec.version}: run the newer code, or restore a checkpoint from before it.`,
      { details: { id, version, registered: codec.version } },
    );
  }
  if (codec.migrate === undefined) {
    throw new HoldfastError(
      'ERR_HOLDFAST_CODEC',
      `a value was written by version ${version} of the codec '${id}', this job has version ` +
        `${codec.version} without a way to migrate. Add to defineCodec({ id: '${id}', version: ${codec.version}, … }): ` +
        `migrate: (data, fromVersion) => …, which gives the data of version ${codec.version} for that of version ` +
        `${version}; or restore a checkpoint that holds none of it.`,
      { details: { id, version, registered: codec.version } },
    );
  }
  try {
    return codec.migrate(data, version);
  } catch (error) {
    throw codecFailed(codec, 'migrate', `data of version ${version}`, error);
  }
}

function missing(id: string, version: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CODEC',
    `a value was written by the codec '${id}', which this thread does not know. Register it where the job ` +
      'is built, env.codecs(codec); for rows that collected(name) gives also in run(…, { codecs: [codec] }).',
    { details: { id, version } },
  );
}

function codecFailed(codec: Codec, method: string, of: string, error: unknown): HoldfastError {
  if (isHoldfastError(error, 'ERR_HOLDFAST_CODEC')) return error;
  const reason = isError(error) ? `${error.name}: ${error.message}` : show(error);
  return new HoldfastError(
    'ERR_HOLDFAST_CODEC',
    `${method} of the codec '${codec.id}' failed for ${of}: ${reason}`,
    { cause: error, details: { id: codec.id, version: codec.version } },
  );
}

/** A value as a text for messages. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
