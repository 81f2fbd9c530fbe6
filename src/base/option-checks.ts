/**
 * Checks options. Every refusal is ERR_HOLDFAST_BAD_OPTION, and says the option's full name, what was given, and what
 * is allowed. An option that is `undefined` counts as not given.
 */

import { HoldfastError } from './errors.js';

export interface NumberRule {
  /** Inclusive. */
  readonly min: number;
  /** Inclusive; `Infinity` is refused unless it is the maximum. */
  readonly max: number;
  readonly integer?: boolean | undefined;
  /** The unit, for messages: `milliseconds`. */
  readonly unit?: string | undefined;
}

/** The longest delay of Node's timers (2³¹ − 1 ms, almost 25 days). */
export const TIMER_MS_MAX = 2_147_483_647;

/** @param allowed completes the sentence `allowed is …` */
export function badOption(option: string, given: unknown, allowed: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `option ${option}: given was ${show(given)}, allowed is ${allowed}.`,
    { details: { option, given: show(given), allowed } },
  );
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkNumber<D>(
  option: string,
  given: unknown,
  fallback: D,
  rule: NumberRule,
): number | D {
  if (given === undefined) return fallback;
  const fits =
    typeof given === 'number' &&
    given >= rule.min &&
    given <= rule.max &&
    (rule.integer !== true || Number.isInteger(given) || given === Number.POSITIVE_INFINITY);
  if (!fits) throw badOption(option, given, describeRule(rule));
  return given;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkFlag(option: string, given: unknown, fallback: boolean): boolean {
  if (given === undefined) return fallback;
  if (typeof given !== 'boolean') throw badOption(option, given, 'true or false');
  return given;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION */
export function checkOneOf<const T extends string>(
  option: string,
  given: unknown,
  fallback: T,
  allowed: readonly T[],
): T {
  if (given === undefined) return fallback;
  const found = allowed.find((candidate) => candidate === given);
  if (found === undefined) {
    throw badOption(option, given, allowed.map((name) => `'${name}'`).join(' or '));
  }
  return found;
}

/**
 * Checks an object of options, which may have known names only.
 *
 * @param option full name of the object; empty for the outermost one
 * @returns the object, or an empty one when none was given
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, which tells the nearest known name
 */
export function checkObject<T extends object>(
  option: string,
  given: T | undefined,
  known: readonly (keyof T & string)[],
): Partial<T> {
  if (given === undefined) return {};
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw badOption(option === '' ? 'object' : option, given, 'an object');
  }
  const names: readonly string[] = known;
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const full = (part: string) => (option === '' ? part : `${option}.${part}`);
    const near = nearestName(name, names);
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `option ${full(name)} is not known${near === undefined ? '' : `; did you mean ${full(near)}?`}` +
        `${near === undefined ? ';' : ''} allowed are ${names.map(full).join(', ')}.`,
      { details: { option: full(name), nearest: near, allowed: names } },
    );
  }
  return given;
}

/** The known name that was probably meant, of which at most a third of the letters differ. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    const limit = Math.max(2, Math.ceil(candidate.length / 3));
    if (distance < bestDistance && distance <= limit) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function describeRule({ min, max, integer, unit }: NumberRule): string {
  const kind = `a ${integer === true ? 'whole ' : ''}number${unit === undefined ? '' : ` of ${unit}`}`;
  if (max === Number.POSITIVE_INFINITY) return `${kind} of at least ${min}, or Infinity`;
  return `${kind} from ${min} to ${max}`;
}

function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    const text = JSON.stringify(value) ?? '';
    if (text.length > 0 && text.length <= 80) return text;
  } catch {
    // The value is circular, or a getter throws. Its kind has to do.
  }
  return Array.isArray(value) ? 'an array' : 'an object';
}

/** Levenshtein's distance, computed row by row. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, replaced));
    }
    above = row;
  }
  return above[b.length]!;
}
