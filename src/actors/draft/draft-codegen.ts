/**
 * Generates, for the objects of one shape, the class that their drafts are made by.
 *
 * A draft has the object's fields as accessors of its own, enumerable and in the same order. So spread, `Object.keys`,
 * JSON, destructuring and `structuredClone` see what they would see of the object itself. Values that are written lie in
 * the draft, the others are read from the object, which stays as it is. They are generated because with the keys written
 * in the source each access has a site of its own that sees one hidden class, and the next value comes from a literal.
 *
 * Only these may enter the source: numbers of our own making, and keys as JSON.stringify writes them
 * (well-formed since ES2019: lone surrogates and line separators are valid string literals).
 *
 *  D1  All drafts of a shape have the same accessors, which find their values in private fields. So they have one
 *      hidden class, and the user's code that gets one after the other stays fast.
 *  D2  Drafts of each shape begin with a hidden class of their own. From a common one, that of `{}`, V8 gives the first shape
 *      with a key a fast way to its accessors, and all others a dictionary, which is fifty times slower.
 *  D3  A draft is not sealed, since a field may be added or deleted. Whoever does that leaves it with other keys, or
 *      with the same ones in another order; and a last field that was deleted and came back is no accessor any more.
 */

import { staleDraftError } from '../../base/stale-draft.js';

/** A bit for each field that was written, and none to spare for the sign. */
export const DRAFT_FIELDS_MAX = 31;

/** In the place of the bits: it was used when it was closed, or changed its fields, and is never opened again. */
const RETIRED = -1;
/** What is generated for a shape. All drafts that it is given are its own. */
export interface DraftCode {
  /** Is this a plain object of the shape, all of whose values are primitives? */
  fits(value: object): boolean;
  /** A draft of nothing. */
  make(): object;
  /**
   * Opens a draft. Not one that is `taken`: open already, retired, or used when it was closed. Nor one that is `stale`: given
   * other fields when it was closed (D3).
   */
  open(draft: object, base: object): 'open' | 'taken' | 'stale';
  /**
   * What has become of the object: that itself if nothing was written, else a new one.
   * @returns undefined when the draft, which is open, has other fields than it was made with (D3)
   */
  next(draft: object): object | undefined;
  /** From now on, each use of its fields throws ERR_HOLDFAST_OUTSIDE_CALLBACK. Of one that is closed: nothing. */
  close(draft: object): void;
  /** Closes it for good. */
  retire(draft: object): void;
}

/**
 * @param keys no `__proto__`, and nothing that looks like an index of an array: these stand first, wherever they are set
 * @returns undefined where code generation from strings is switched off
 */
export function compileDraft(keys: readonly string[]): DraftCode | undefined {
  const names = keys.map((key) => JSON.stringify(key));
  const last = keys.length - 1;
  const now = (i: number, draft: string, base: string) =>
    `(${draft}.#written & ${1 << i}) === 0 ? ${base}[${names[i]}] : ${draft}.#v${i}`;
  const source = `'use strict';
function Bare() {}
Bare.prototype = prototype;
class Given { constructor(object) { return object; } }
return class Draft extends Given {
#base = undefined;
#written = 0;
#isSeen = false;
${names.map((_, i) => `#v${i} = undefined;`).join('\n')}
static #accessors = Object.getOwnPropertyDescriptors({
${names
  .map(
    (name, i) => `get ${name}() {
const base = this.#base;
${i === last ? 'this.#isSeen = true;' : ''}
if (base === undefined) Draft.#refuse(this);
return ${now(i, 'this', 'base')};
},
set ${name}(value) {
const base = this.#base;
if (base === undefined) Draft.#refuse(this);
if (is(value, ${now(i, 'this', 'base')})) return;
this.#v${i} = value;
this.#written |= ${1 << i};
},`,
  )
  .join('\n')}
});
static #refuse(draft) {
draft.#written = ${RETIRED};
throw stale();
}
static fits(o) {
let k = 0;
for (const key in o) { if (key !== keys[k]) return false; k += 1; }
if (k !== ${keys.length}) return false;
const ${names.map((name, i) => `v${i} = o[${name}]`).join(', ')};
if (getPrototypeOf(o) !== prototype) return false;
${names.map((_, i) => `if (typeof v${i} === 'object' ? v${i} !== null : typeof v${i} === 'function' || typeof v${i} === 'symbol') return false;`).join('\n')}
return true;
}
static make() { return Object.defineProperties(new Draft(new Bare()), Draft.#accessors); }
static open(draft, base) {
if (draft.#base !== undefined || draft.#written !== 0) return 'taken';
draft.#base = base;
if (Draft.#isIntact(draft)) return 'open';
draft.#base = undefined;
return 'stale';
}
static #isIntact(draft) {
let k = 0;
for (const key in draft) { if (key !== keys[k]) return false; k += 1; }
if (k !== ${keys.length} || getPrototypeOf(draft) !== prototype) return false;
draft.#isSeen = false;
draft[${names[last]}];
return draft.#isSeen;
}
static next(draft) {
if (!Draft.#isIntact(draft)) return undefined;
const base = draft.#base, written = draft.#written;
if (written === 0) return base;
return { ${names.map((name, i) => `${name}: (written & ${1 << i}) === 0 ? base[${name}] : draft.#v${i}`).join(', ')} };
}
static close(draft) {
if (draft.#base === undefined) return;
draft.#base = undefined;
if (draft.#written === 0) return;
draft.#written = 0;
${names.map((_, i) => `draft.#v${i} = undefined;`).join(' ')}
}
static retire(draft) {
Draft.close(draft);
draft.#written = ${RETIRED};
}
};`;
  const bound: Readonly<Record<string, unknown>> = {
    keys,
    stale: staleDraftError,
    is: Object.is,
    getPrototypeOf: Object.getPrototypeOf,
    prototype: Object.prototype,
  };
  try {
    const make = new Function(...Object.keys(bound), source) as (...given: unknown[]) => DraftCode;
    return make(...Object.values(bound));
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
