/** Text by columns of a terminal: a wide character takes two, an emoji of several code points two as well. */

import stringWidth from 'string-width';
import { joinShown, type Showable, type Shown, show } from './escape.js';

/** Columns that a text takes; colours take none. */
export function widthOf(value: Showable): number {
  return stringWidth(show(value).text);
}

/** Blanks behind it, up to so many columns. */
export function padEnd(value: Showable, columns: number): Shown {
  return joinShown([value, blanks(value, columns)]);
}

/** Blanks ahead of it. */
export function padStart(value: Showable, columns: number): Shown {
  return joinShown([blanks(value, columns), value]);
}

function blanks(value: Showable, columns: number): string {
  return ' '.repeat(Math.max(0, columns - widthOf(value)));
}
