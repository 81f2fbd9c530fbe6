/**
 * Drafts of flat objects: plain ones, all of whose values are primitives. A callback may read and write a draft as if
 * it were the object. What it does makes the next object, and the object itself stays as it is.
 *
 *  F1  An object gets drafts when its shape, its keys in their order, has been seen `SIGHTINGS_MIN` times. So objects used
 *      as dictionaries, each of a shape of its own, never use up the limit.
 *  F2  Drafts are used again, since to make one costs more than all the rest. Those of a shape take turns: one that was
 *      kept beyond its callback is closed for the `TURNS - 1` calls after it, and whoever uses it then is told.
 *      From then on it is closed for good. Who uses it in the one callback that has it again is not told.
 *  F3  A field may be added or deleted, and comes to stand where it would in the object itself. Such a draft is
 *      given up afterwards. If one that is closed has other fields, somebody has kept it, and that is told then.
 *  F4  Hidden properties, symbols as keys, and accessors that were exchanged are looked for in the first
 *      `TURNS` calls, and in one of LOOKED_AT_OF after them.
 */

import { types } from 'node:util';
import { staleDraftError } from '../../base/stale-draft.js';
import { checkValue, copyValue } from '../../codec/value-codec.js';
import { compileDraft, DRAFT_FIELDS_MAX, type DraftCode } from './draft-codegen.js';
import { putIntoItself, returnedAndChanged } from './draft-errors.js';

const SHAPES_MAX = 16;
const SIGHTINGS_MIN = 4;
const SIGHTINGS_MAX = 256;
/** Number of shapes that are tried before their keys are made a text. */
const RECENT_MAX = 4;
/** A power of two. */
const TURNS = 256;
/** Not a part of `TURNS`, so that each draft comes to be looked at. */
const LOOKED_AT_OF = 255;

/** For messages. */
export interface DraftNames {
  /** Whose drafts they are: `update(…)`. */
  readonly where: string;
  /** What the object is called: `state.basket`. */
  readonly name: string;
}

/** The shapes that one place has learnt. */
export class FlatDrafts {
  readonly #names: DraftNames;
  readonly #byKeys = new Map<string, FlatShape>();
  readonly #sightings = new Map<string, number>();
  /** Code may be generated from strings. */
  #isOn = true;
  /** Those found last, the last one first. */
  readonly #recent: FlatShape[] = [];

  constructor(names: DraftNames) {
    this.#names = names;
  }

  /** The shape of an object; undefined when it is not flat, or has none (yet). */
  shapeOf(value: object): FlatShape | undefined {
    const recent = this.#recent;
    for (let i = 0; i < recent.length; i += 1) {
      if (recent[i]!.fits(value)) return recent[i];
    }
    const found = this.#find(value);
    if (found?.fits(value) !== true) return undefined;
    recent.unshift(found);
    if (recent.length > RECENT_MAX) recent.pop();
    return found;
  }

  #find(value: object): FlatShape | undefined {
    if (Object.getPrototypeOf(value) !== Object.prototype) return undefined;
    const keys = Object.keys(value);
    if (keys.length === 0 || keys.length > DRAFT_FIELDS_MAX || keys.some(isMisplaced)) {
      return undefined;
    }
    const name = JSON.stringify(keys);
    return this.#byKeys.get(name) ?? this.#learn(name, keys);
  }

  #learn(name: string, keys: readonly string[]): FlatShape | undefined {
    if (this.#byKeys.size >= SHAPES_MAX || !this.#isOn) return undefined;
    const sightings = (this.#sightings.get(name) ?? 0) + 1;
    if (sightings < SIGHTINGS_MIN) {
      if (this.#sightings.size >= SIGHTINGS_MAX) this.#sightings.clear();
      this.#sightings.set(name, sightings);
      return undefined;
    }
    const code = compileDraft(keys);
    this.#isOn = code !== undefined;
    if (code === undefined) return undefined;
    this.#sightings.delete(name);
    const shape = new FlatShape(code, this.#names);
    this.#byKeys.set(name, shape);
    return shape;
  }
}

/** Such a key stands first wherever it is set, or is none of the object's own. */
function isMisplaced(key: string): boolean {
  return key === '__proto__' || /^\d+$/.test(key);
}

/** Drafts of the objects of one shape. */
export class FlatShape {
  readonly #code: DraftCode;
  readonly #names: DraftNames;
  /** They take turns (F2). */
  readonly #drafts: (object | undefined)[] = [];
  /** What each draft has from the beginning. */
  readonly #fields: ReadonlyMap<string, PropertyDescriptor>;
  #calls = 0;

  constructor(code: DraftCode, names: DraftNames) {
    this.#code = code;
    this.#names = names;
    this.#fields = new Map(Object.entries(Object.getOwnPropertyDescriptors(code.make())));
  }

  /** Is this a plain object of the shape, all of whose values are primitives? */
  fits(value: object): boolean {
    return this.#code.fits(value);
  }

  /**
   * What `change` makes of an object that fits: through a draft, or by what it returns (not both). It gives the object itself
   * when it changes nothing, else a new value, which may hold anything that `change` has put there.
   * @throws whatever `change` throws; HoldfastError ERR_HOLDFAST_USER_CODE when it did both;
   *   ERR_HOLDFAST_UNSUPPORTED_VALUE when the draft was put into itself, or has properties that are hidden or have
   *   symbols as keys; ERR_HOLDFAST_OUTSIDE_CALLBACK when an earlier draft was given other fields after its callback (F3)
   */
  changed(base: object, change: (draft: object) => unknown): unknown {
    const code = this.#code;
    const draft = this.open(base);
    let answer: unknown;
    try {
      answer = change(draft);
    } catch (error) {
      // Nobody knows which fields it has now.
      code.retire(draft);
      throw error;
    }
    try {
      const isAnswered = answer !== undefined && answer !== draft;
      const next = this.#became(draft, base, isAnswered);
      if (isAnswered) {
        if (next !== base) throw returnedAndChanged(this.#names.where);
        return this.#withoutDraft(answer, draft);
      }
      return next;
    } finally {
      code.close(draft);
    }
  }

  /** What has become of the object that an open draft is of. Closes the draft. @throws HoldfastError as `changed` */
  next(draft: object, base: object): object {
    try {
      return this.#became(draft, base, false);
    } finally {
      this.#code.close(draft);
    }
  }

  /** Closes an open draft for good: nobody knows which fields it has now. */
  drop(draft: object): void {
    this.#code.retire(draft);
  }

  /** A draft of an object that fits, until `next` or `drop`. @throws HoldfastError ERR_HOLDFAST_OUTSIDE_CALLBACK (F3) */
  open(base: object): object {
    const code = this.#code;
    const turn = this.#calls & (TURNS - 1);
    this.#calls += 1;
    const draft = this.#drafts[turn];
    if (draft !== undefined) {
      const is = code.open(draft, base);
      if (is === 'open') return draft;
      this.#drafts[turn] = undefined;
      if (is === 'stale') throw staleDraftError();
    }
    const made = code.make();
    this.#drafts[turn] = made;
    code.open(made, base);
    return made;
  }

  /** @param isAnswered what has become of the object counts only if nothing has */
  #became(draft: object, base: object, isAnswered: boolean): object {
    const code = this.#code;
    const own = this.#isLookedAt() && !this.#isWhole(draft) ? undefined : code.next(draft);
    const next = own ?? collected(draft);
    if (own === undefined) code.retire(draft);
    if (isAnswered) return next;
    if (next !== base && !code.fits(next)) this.#closeCircles(next, draft);
    if (own === undefined) checkValue(next, this.#names.name);
    return next;
  }

  /** What was returned, in which a draft that was not changed is a copy. */
  #withoutDraft(answer: unknown, draft: object): unknown {
    if (typeof answer !== 'object' || answer === null || this.#code.fits(answer)) return answer;
    return holds(answer, draft) ? copyValue(answer, this.#names.name) : answer;
  }

  /** Where the draft was made a field of itself stands what has become of it. Deeper in a field it is refused. */
  #closeCircles(next: object, draft: object): void {
    for (const [key, value] of Object.entries(next)) {
      if (value === draft) (next as Record<string, unknown>)[key] = next;
      else if (holds(value, draft)) throw putIntoItself(this.#names.where);
    }
  }

  #isLookedAt(): boolean {
    return this.#calls <= TURNS || this.#calls % LOOKED_AT_OF === 0;
  }

  /** F4 */
  #isWhole(draft: object): boolean {
    if (!Object.isExtensible(draft) || Reflect.ownKeys(draft).length !== this.#fields.size) {
      return false;
    }
    for (const [key, { get }] of this.#fields) {
      const field = Object.getOwnPropertyDescriptor(draft, key);
      if (field?.get !== get || field?.enumerable !== true) return false;
    }
    return true;
  }
}

/** A draft whose fields have changed, as an object without accessors. */
function collected(draft: object): object {
  const object = Object.create(Object.getPrototypeOf(draft) as object | null) as object;
  for (const key of Reflect.ownKeys(draft)) {
    const { enumerable } = Object.getOwnPropertyDescriptor(draft, key)!;
    const value = (draft as Record<PropertyKey, unknown>)[key];
    Object.defineProperty(object, key, {
      value,
      enumerable: enumerable === true,
      writable: true,
      configurable: true,
    });
  }
  return object;
}

/** Does the draft stand in a value? Plain objects, arrays, Maps and Sets are looked into. */
function holds(value: unknown, draft: object, met: Set<object> = new Set()): boolean {
  if (value === draft) return true;
  if (typeof value !== 'object' || value === null || met.has(value)) return false;
  met.add(value);
  if (types.isMap(value)) {
    for (const [key, item] of value) {
      if (holds(key, draft, met) || holds(item, draft, met)) return true;
    }
    return false;
  }
  const prototype = Object.getPrototypeOf(value) as object | null;
  const isPlain = prototype === Object.prototype || prototype === null;
  const items =
    types.isSet(value) || Array.isArray(value) ? value : Object.values(isPlain ? value : {});
  for (const item of items) if (holds(item, draft, met)) return true;
  return false;
}
