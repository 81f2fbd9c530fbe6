/**
 * What a job's threads write themselves, beside the live view: whole lines. A chunk may end within a line,
 * or within a character. Escaped as everything is: what a terminal obeys would be obeyed in the midst of the
 * view. (Programs that colour their lines do so for terminals only; theirs is a pipe.)
 */

import { StringDecoder } from 'node:string_decoder';
import { joinShown, linesOf, type Shown } from './escape.js';

/** A line without an end is shown when it is this long, in characters. */
const PARTIAL_MAX = 4_096;

export class JobOutput {
  readonly #decoder = new StringDecoder('utf8');
  #partial = '';

  /** @returns the lines that are complete now */
  take(chunk: Uint8Array): readonly Shown[] {
    this.#partial += this.#decoder.write(chunk);
    const end = this.#partial.lastIndexOf('\n');
    if (end < 0) return this.#partial.length > PARTIAL_MAX ? this.end() : [];
    const whole = this.#partial.slice(0, end);
    this.#partial = this.#partial.slice(end + 1);
    return linesOf(whole);
  }

  /** @returns what has come without an end of line */
  end(): readonly Shown[] {
    const rest = this.#partial;
    this.#partial = '';
    return rest === '' ? [] : [joinShown(linesOf(rest))];
  }
}
