/**
 * The one place that makes text fit for a terminal.
 *
 * A name, a message, a key or a line of a file may hold characters that a terminal obeys: sequences that
 * move its cursor or set its title, the controls of C1, overrides of the reading direction, ends of line.
 * Shown raw, they could rewrite what the program has said.
 *
 *  X1  A `Shown` is safe as it is. It is made here only, and holds no control character but the colours
 *      that `colors.ts` has put into it.
 *  X2  Everything else that is shown is escaped: what is interpolated by `shown`, and any plain text that
 *      is given to the console. Whoever forgets to mark a text as safe gets it escaped, never raw.
 *  X3  A text is one line. What may have several is cut by `linesOf`, and each of them is one.
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
 * Controls, ends of line, what turns the direction of reading, and what takes no room at all. The joiner
 * of emoji (U+200D) and the selectors of their form are no controls.
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** One line of text with nothing in it that a terminal obeys: `\n`, `\x1b`, `\u202e` in their place. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, escapeCharacter);
}

/** The same for a line of JSON, which means what it meant: only texts hold such characters there. */
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

/** X2, as a tag: what the program says itself stays, what is put into it is escaped. */
export function shown(said: TemplateStringsArray, ...values: readonly Showable[]): Shown {
  return new Shown(make, said.map((text, i) => text + textOf(values[i] ?? '')).join(''));
}

/** X2, for any value. */
export function show(value: Showable): Shown {
  return value instanceof Shown ? value : new Shown(make, textOf(value));
}

export function joinShown(parts: readonly Showable[], separator = ''): Shown {
  return new Shown(make, parts.map(textOf).join(separator));
}

/** X3. An end of line at the text's end ends no further line; tabs become blanks. */
export function linesOf(text: string): Shown[] {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  return lines.map((line) => show(line.replaceAll('\t', '    ')));
}

/** `paint` gets safe text and may put colours round it. For `colors.ts` only. */
export function painted(paint: (text: string) => string): (value: Showable) => Shown {
  return (value) => new Shown(make, paint(textOf(value)));
}

function textOf(value: Showable): string {
  if (value instanceof Shown) return value.text;
  return typeof value === 'number' ? String(value) : escapeText(value);
}
