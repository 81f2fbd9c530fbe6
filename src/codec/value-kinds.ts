/**
 * The table of kinds: what an object is, for everything that looks into values (check, copy, encode).
 *
 *  K1  An object is of the kind whose prototype it has, exactly. An instance of a class that extends a
 *      built-in one would come back as something else, so it is of no kind.
 *  K2  Any object can be given any prototype, so `isReal` asks for the internal slots as well.
 *  K3  The built-ins of another realm (a `vm` context, as test runners make them) are of the same kinds.
 *      They come back as those of this realm.
 */

import { types } from 'node:util';
import { HoldfastError } from '../base/errors.js';
import { withArticle } from '../base/with-article.js';
import { type Codec, codecOf } from './codec-registry.js';

export type ObjectKind =
  | 'object'
  | 'null-object'
  | 'array'
  | 'date'
  | 'map'
  | 'set'
  | 'array-buffer'
  | 'view'
  | 'regexp'
  | 'error'
  | 'boxed'
  | 'temporal'
  | 'custom'
  | 'unsupported';

interface Kind {
  readonly kind: ObjectKind;
  /** The name in the kind's list (`viewKinds`, `errorKinds`, `temporalKinds`); for other kinds that of the class. */
  readonly name: string;
  readonly prototype: object;
  /** Has the value the internal slots that its prototype promises? */
  readonly isReal: (value: object) => boolean;
}

type Constructor = { readonly name: string; readonly prototype: object };

/** The position in the list is the number in the bytes (value-tags.ts, V1), so names are only appended. */
export const viewKinds = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
  'Buffer',
  'Float16Array',
] as const;

/** Names are only appended, as to `viewKinds`. */
export const errorKinds = [
  'Error',
  'EvalError',
  'RangeError',
  'ReferenceError',
  'SyntaxError',
  'TypeError',
  'URIError',
  'AggregateError',
  'DOMException',
  'HoldfastError',
] as const;

/** Names are only appended, as to `viewKinds`. */
export const temporalKinds = [
  'Instant',
  'ZonedDateTime',
  'PlainDate',
  'PlainTime',
  'PlainDateTime',
  'PlainYearMonth',
  'PlainMonthDay',
  'Duration',
] as const;

/** The built-in class of that name; undefined where this Node has none. */
export function builtIn(name: string): Constructor | undefined {
  if (name === 'HoldfastError') return HoldfastError;
  return (globalThis as unknown as Record<string, Constructor | undefined>)[name];
}

/** The class of Temporal of that name; undefined where this Node has no Temporal. */
export function temporalClass(name: string): Constructor | undefined {
  const temporal = (globalThis as { Temporal?: Record<string, Constructor> }).Temporal;
  return temporal?.[name];
}

/** All kinds but plain objects and arrays, which `classify` knows without the list. */
const kinds: readonly Kind[] = [
  ...of('date', ['Date'], types.isDate),
  ...of('map', ['Map'], types.isMap),
  ...of('set', ['Set'], types.isSet),
  ...of('array-buffer', ['ArrayBuffer'], types.isArrayBuffer),
  ...of('view', viewKinds, ArrayBuffer.isView),
  ...of('regexp', ['RegExp'], types.isRegExp),
  ...of('boxed', ['Number', 'String', 'Boolean', 'BigInt'], types.isBoxedPrimitive),
  ...of('error', errorKinds, isRealError),
  ...temporalKinds.flatMap((name) => {
    const found = temporalClass(name);
    return found === undefined ? [] : [kindOf('temporal', name, found, isRealTemporal(found))];
  }),
];

const byPrototype = new Map<object, Kind>(kinds.map((kind) => [kind.prototype, kind]));
/** Kinds by prototypes of other realms; null for prototypes of no kind. */
const foreign = new WeakMap<object, Kind | 'object' | 'array' | null>();

/**
 * The kind of `value`. A Proxy of a plain object or an array counts as what it shows. A revoked Proxy throws.
 */
export function classify(value: object): ObjectKind {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype) return 'object';
  if (prototype === Array.prototype) return Array.isArray(value) ? 'array' : 'unsupported';
  if (prototype === null) return 'null-object';
  const kind = find(prototype);
  if (kind === null) return codecOf(prototype) === undefined ? 'unsupported' : 'custom';
  if (kind === 'object') return 'object';
  if (kind === 'array') return Array.isArray(value) ? 'array' : 'unsupported';
  return kind.isReal(value) ? kind.kind : 'unsupported';
}

/** Is this the prototype of a kind that needs no codec? */
export function isBuiltIn(prototype: object): boolean {
  const isPlain = prototype === Object.prototype || prototype === Array.prototype;
  return isPlain || find(prototype) !== null;
}

/** The name of the kind of a classified value in its list: `Uint8Array`, `TypeError`. */
export function kindName(value: object): string {
  const kind = find(Object.getPrototypeOf(value) as object);
  return kind === null || typeof kind === 'string' ? '' : kind.name;
}

/** The codec of a value that was classified as `custom`. */
export function customCodec(value: object): Codec {
  return codecOf(Object.getPrototypeOf(value) as object)!;
}

/**
 * Says why a value of no kind is refused: `is a Promise, which has no form as data. …`. Never throws.
 */
export function whyUnsupported(value: object): { readonly what: string; readonly advice: string } {
  if (types.isProxy(value)) return { what: 'a Proxy', advice: PLAIN_ADVICE };
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  const name = className(value);
  if (name === undefined || name === tag) {
    const shown = tag === 'Object' ? 'object of an unknown kind' : tag;
    return { what: withArticle(shown), advice: PLAIN_ADVICE };
  }
  if (isNative(Object.getPrototypeOf(value) as object)) {
    const shown = tag === 'Object' ? name : tag;
    return { what: withArticle(shown), advice: PLAIN_ADVICE };
  }
  return {
    what: `an instance of the class ${name}`,
    advice:
      `its class has no codec, so it would come back as something else. Register one: ` +
      `env.codecs(defineCodec({ id, type: ${name}, encode, decode })), or use plain data instead.`,
  };
}

export const PLAIN_ADVICE =
  'it has no form as data. Use plain objects, arrays, Maps, Sets, Dates, binary data, errors and ' +
  'primitives, or leave it out.';

/** The primitive inside a boxed one, even if its `valueOf` was replaced. */
export function unbox(value: object): unknown {
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value);
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  return BigInt.prototype.valueOf.call(value);
}

function of(
  kind: ObjectKind,
  names: readonly string[],
  isReal: (value: object) => boolean,
): readonly Kind[] {
  return names.flatMap((name) => {
    const found = builtIn(name);
    return found === undefined ? [] : [kindOf(kind, name, found, isReal)];
  });
}

function kindOf(
  kind: ObjectKind,
  name: string,
  { prototype }: Constructor,
  isReal: (value: object) => boolean,
): Kind {
  return { kind, name, prototype, isReal };
}

const domName = Object.getOwnPropertyDescriptor(DOMException.prototype, 'name')!.get!;

function isRealError(value: object): boolean {
  // On Node 20 a DOMException is an object of JavaScript, and no error by its slots.
  return types.isNativeError(value) || answers(() => domName.call(value));
}

/** Every Temporal class has a `toString` that refuses whatever is not its own. */
function isRealTemporal(temporal: Constructor): (value: object) => boolean {
  const show = temporal.prototype.toString;
  return (value) => answers(() => show.call(value));
}

function answers(question: () => unknown): boolean {
  try {
    question();
    return true;
  } catch {
    return false;
  }
}

/** The kind of a prototype; null for classes of the user's, and for built-ins of no kind. */
function find(prototype: object): Kind | 'object' | 'array' | null {
  const own = byPrototype.get(prototype);
  if (own !== undefined) return own;
  const known = foreign.get(prototype);
  if (known !== undefined) return known;
  const found = ofOtherRealm(prototype);
  foreign.set(prototype, found);
  return found;
}

/**
 * The kind of a prototype of another realm (K3). It is known by the name of its native constructor, and by its distance
 * from the end of the chain. Errors with a code that Node makes have one or two prototypes in between, which show
 * the same constructor.
 */
function ofOtherRealm(prototype: object): Kind | 'object' | 'array' | null {
  const name = constructorName(prototype);
  if (name === undefined || !isNative(prototype)) return null;
  if (name === 'Object') return depthOf(prototype) === 0 ? 'object' : null;
  if (name === 'Array') return Array.isArray(prototype) ? 'array' : null;
  const same = kinds.find((kind) => kind.name === name && kind.kind !== 'temporal');
  if (same === undefined) return null;
  const extra = depthOf(prototype) - depthOf(same.prototype);
  return extra === 0 || (extra > 0 && same.kind === 'error') ? same : null;
}

function depthOf(prototype: object): number {
  const parent = Object.getPrototypeOf(prototype) as object | null;
  return parent === null ? 0 : depthOf(parent) + 1;
}

function constructorName(prototype: object): string | undefined {
  const made = constructorOf(prototype);
  if (made === undefined) return undefined;
  return Object.getOwnPropertyDescriptor(made, 'name')?.value as string | undefined;
}

/** Is the constructor a part of the engine? */
function isNative(prototype: object): boolean {
  const made = constructorOf(prototype);
  return (
    made !== undefined && /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(made))
  );
}

/** The constructor that the prototype itself names, none that it inherits. (Node's errors have an accessor for it.) */
function constructorOf(prototype: object): object | undefined {
  if (!Object.hasOwn(prototype, 'constructor')) return undefined;
  try {
    const made: unknown = prototype.constructor;
    return typeof made === 'function' ? made : undefined;
  } catch {
    return undefined;
  }
}

function className(value: object): string | undefined {
  try {
    const { name } = value.constructor;
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}
