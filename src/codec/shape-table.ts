/**
 * Functions that are generated for the keys of plain objects, for shapes that have come often before.
 *
 *  O1  A generated function first compares all keys (`keysAre`), and does nothing when they are others. So whoever asks
 *      tries the functions that were used last, without making a text of the keys.
 *  O2  Nothing enters its source but keys, as JSON, and numbers.
 *  O3  There are SHAPES_MAX such functions at most. Objects that serve as dictionaries are each of a shape of its own: a
 *      shape gets a function when it has come SIGHTINGS_MIN times, and once many have come in vain, few are looked at.
 */

const SHAPES_MAX = 64;
const RECENT_MAX = 4;
const KEYS_MAX = 64;
const KEY_LENGTH_MAX = 64;
const SIGHTINGS_MIN = 8;
const SIGHTINGS_MAX = 256;
/** After so many sightings in vain, one object in LOOKED_AT_OF is looked at. */
const VAIN_MAX = 4_096;
const LOOKED_AT_OF = 64;

/** @template F such a function */
export class ShapeTable<F> {
  readonly #compile: (keys: readonly string[]) => F;
  readonly #shapes = new Map<string, F>();
  readonly #sightings = new Map<string, number>();
  readonly #recent: F[] = [];
  #vain = 0;
  #mayCompile = true;

  /** @param compile may throw an EvalError: code generation from strings is switched off */
  constructor(compile: (keys: readonly string[]) => F) {
    this.#compile = compile;
  }

  /** The functions that were used last, the newest first. */
  get recent(): readonly F[] {
    return this.#recent;
  }

  /** An object with these keys fitted none of `recent`. */
  missed(keys: readonly string[]): void {
    if (keys.length === 0 || keys.length > KEYS_MAX || !this.#mayCompile) return;
    this.#vain += 1;
    if (this.#vain > VAIN_MAX && this.#vain % LOOKED_AT_OF !== 0) return;
    const found = this.#find(keys);
    if (found === undefined) return;
    this.#vain = 0;
    this.#recent.unshift(found);
    if (this.#recent.length > RECENT_MAX) this.#recent.pop();
  }

  #find(keys: readonly string[]): F | undefined {
    const name = JSON.stringify(keys);
    const known = this.#shapes.get(name);
    if (known !== undefined) return known;
    const sightings = (this.#sightings.get(name) ?? 0) + 1;
    if (sightings < SIGHTINGS_MIN || this.#shapes.size >= SHAPES_MAX) {
      if (this.#sightings.size >= SIGHTINGS_MAX) this.#sightings.clear();
      this.#sightings.set(name, sightings);
      return undefined;
    }
    this.#sightings.delete(name);
    const made = this.#compiled(keys);
    if (made !== undefined) this.#shapes.set(name, made);
    return made;
  }

  #compiled(keys: readonly string[]): F | undefined {
    if (keys.some((key) => key.length > KEY_LENGTH_MAX)) return undefined;
    try {
      return this.#compile(keys);
    } catch (error) {
      if (!(error instanceof EvalError)) throw error;
      this.#mayCompile = false;
      return undefined;
    }
  }
}

/** Source that leaves the function with `otherwise`, unless the enumerable keys of `o` are those in `keys`, in their order. */
export function keysAre(count: number, otherwise: string): string {
  return `let k = 0;
for (const key in o) { if (key !== keys[k]) return ${otherwise}; k += 1; }
if (k !== ${count}) return ${otherwise};`;
}
