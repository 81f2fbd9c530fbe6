/** Measures text in columns of a terminal: a wide character takes two, and so does an emoji of several code points. */

import stringWidth from 'string-width';
import { joinShown, type Showable, type Shown, show } from './escape.js';

/** Number of columns that a text takes; colours take none. */
export function widthOf(value: Showable): number {
  return stringWidth(show(value).text);
}

/** The text with blanks behind it, up to so many columns. */
export function padEnd(value: Showable, columns: number): Shown {
  return joinShown([value, blanks(value, columns)]);
}

/** The text with blanks before it, up to so many columns. */
export function padStart(value: Showable, columns: number): Shown {
  return joinShown([blanks(value, columns), value]);
}

function blanks(value: Showable, columns: number): string {
  return ' '.repeat(Math.max(0, columns - widthOf(value)));
}
