/**
 * The one place that makes text fit for a terminal.
 *
 * A name, a message, a key or a line of a file may hold characters that a terminal obeys: sequences that
 * move its cursor or set its title, the controls of C1, overrides of the reading direction, ends of line.
 * Shown raw, they could rewrite what the program has said.
 *
 *  X1  A `Shown` is safe as it is. Only this file makes one. It holds no control characters but the colours
 *      that `colors.ts` has put into it.
 *  X2  Everything else that is shown is escaped: values that `shown` interpolates, and plain text that
 *      is given to the console. A text that nobody has marked as safe is escaped, never shown raw.
 *  X3  A `Shown` is one line. `linesOf` splits a text that may have several.
 */

export type Showable = Shown | string | number;

const make = Symbol('shown');

/** Text that may be written to a terminal. */
export class Shown {
  readonly text: string;

  constructor(key: typeof make, text: string) {
    if (key !== make) throw new TypeError('texts to show are made by escape.ts alone');
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

/**
 * Controls, ends of line, characters that change the direction of reading, and characters without width. Not among
 * them are the joiner of emoji (U+200D) and the selectors of their form, which do no harm.
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The text as one line without anything that a terminal obeys: `\n`, `\x1b`, `\u202e` stand in place of that. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

/** The same for a line of JSON. Its meaning stays, because in JSON only texts hold such characters. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${hex(character, 4)}`);
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return NAMED[character] ?? (code < 0x100 ? `\\x${hex(character, 2)}` : `\\u${hex(character, 4)}`);
}

function hex(character: string, digits: number): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(digits, '0');
}

/** A template tag for X2: the program's own words stay as they are, and the values among them are escaped. */
export function shown(said: TemplateStringsArray, ...values: readonly Showable[]): Shown {
  return new Shown(make, said.map((text, i) => text + textOf(values[i] ?? '')).join(''));
}

/** Applies X2 to any value. */
export function show(value: Showable): Shown {
  return value instanceof Shown ? value : new Shown(make, textOf(value));
}

export function joinShown(parts: readonly Showable[], separator = ''): Shown {
  return new Shown(make, parts.map(textOf).join(separator));
}

/** The lines of a text (X3). An end of line at the text's end begins no further line. Tabs become blanks. */
export function linesOf(text: string): Shown[] {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  return lines.map((line) => show(line.replaceAll('\t', '    ')));
}

/** Gives `paint` safe text, around which it may put colours. For `colors.ts` only. */
export function painted(paint: (text: string) => string): (value: Showable) => Shown {
  return (value) => new Shown(make, paint(textOf(value)));
}

function textOf(value: Showable): string {
  if (value instanceof Shown) return value.text;
  return typeof value === 'number' ? String(value) : escapeText(value);
}
