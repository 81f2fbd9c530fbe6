/** Shortens lines to the terminal's width. A line that wraps breaks the count of lines that the live view goes back. */

import stringWidth from 'string-width';
import { type Showable, show } from './escape.js';

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with a control character.
const COLOR = /(\x1b\[[0-9;]*m)/;

/**
 * The first columns of a line. Colours take no column, and are closed. A wide character that would stand half
 * outside is left out. (`slice-ansi` keeps it, which gives one column too many.)
 */
export function cutLine(line: Showable, columns: number): string {
  let left = columns;
  let out = '';
  for (const part of show(line).text.split(COLOR)) {
    if (COLOR.test(part)) {
      out += part;
      continue;
    }
    for (const { segment } of segmenter.segment(part)) {
      const width = stringWidth(segment);
      if (width > left) left = 0;
      if (left <= 0) break;
      out += segment;
      left -= width;
    }
  }
  return out;
}
