/**
 * Numbers, prices and texts for the generator, drawn from one 32-bit state that is set anew for each event.
 *
 * The state's start is the finalizer of MurmurHash3 over the event id and the seed, the numbers that follow
 * are mulberry32. All of it is arithmetic on 32-bit integers, so another language gives the same.
 */

const TEXT_LENGTH = 1 << 20;
/** A text starts at least so far before the end. The letters go round, so a longer one is whole as well. */
const LAST_START = 512;
/** Of a text. */
export const LENGTH_MAX = 65_536;

const { powers: COARSE, finer } = powersOf(10 ** 6, 4_096);
const { powers: FINE } = powersOf(finer, 4_096);

let state = 0;

/** Starts the numbers of event `id`; `mixedSeed` comes from `mixSeed`. */
export function startAt(id, mixedSeed) {
  const high = id === id >>> 0 ? 0 : Math.imul(Math.floor(id / 4_294_967_296), 0x9e3779b1);
  state = finalize((id | 0) ^ high ^ 0x5bd1e995 ^ mixedSeed);
}

/** Seed 0 changes nothing. */
export const mixSeed = (seed) => finalize(seed | 0);

/**
 * A whole number in [0, bound), for a bound of at most 2^21, or a power of two of at most 2^31. The next number of
 * mulberry32 is drawn here and nowhere else: so V8 has one small function to put where it is called.
 */
export function below(bound) {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((((mixed ^ (mixed >>> 14)) >>> 0) * bound) / 4_294_967_296) | 0;
}

/**
 * round(10^(6·U) × 100) for a U of 24 bits: the product of a power for the upper 12 bits and one for the lower.
 * @returns cents, from 100 to 100 000 000
 */
export function price() {
  const bits = below(1 << 24);
  return (COARSE[bits >>> 12] * FINE[bits & 4_095] * 100 + 0.5) | 0;
}

/** Lower-case letters, with a blank for one letter in 13. */
export function text(length) {
  const from = below(TEXT_LENGTH - LAST_START);
  return letters.substring(from, from + length);
}

/** Fills a record of `current` bytes up to `average`, give or take a fifth of what is missing. */
export function filler(current, average) {
  return textWithin(fillerRange(current, average));
}

/** Lengths of such a text: `least`, and how many there are from there on. */
export function fillerRange(current, average) {
  const missing = Math.max(0, average - current);
  const spread = Math.round(missing * 0.2);
  return { least: missing - spread, count: 2 * spread };
}

export function textWithin({ least, count }) {
  return text(least + below(count));
}

function finalize(value) {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/**
 * `whole`^(k / steps) for k in [0, steps), and what is `whole`^(1 / steps). Only square roots and products, which
 * IEEE 754 rounds in one way, because the last bit of a power function differs between languages.
 * @param {number} steps a power of two
 */
function powersOf(whole, steps) {
  const powers = new Float64Array(steps).fill(1);
  let root = whole;
  for (let bit = steps / 2; bit >= 1; bit /= 2) {
    root = Math.sqrt(root);
    for (let k = 0; k < steps; k += 1) if ((k & bit) !== 0) powers[k] *= root;
  }
  return { powers, finer: root };
}

/** One flat string of bytes, so that a text is a slice of it. */
let letters = '';

/**
 * Draws the letters that texts are slices of, and leaves the numbers behind those. Not when this is loaded: a spare thread
 * makes no events.
 */
export function startBehindLetters() {
  letters = drawLetters();
}

function drawLetters() {
  startAt(-1, 0);
  const bytes = Buffer.alloc(TEXT_LENGTH + LENGTH_MAX);
  for (let i = 0; i < TEXT_LENGTH; i += 1) bytes[i] = below(13) === 0 ? 32 : 97 + below(26);
  bytes.copy(bytes, TEXT_LENGTH, 0, LENGTH_MAX);
  return bytes.toString('latin1');
}
