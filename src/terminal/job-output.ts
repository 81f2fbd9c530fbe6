/**
 * Makes whole lines of what a job's threads write themselves, to be shown above the live view. A chunk may end within
 * a line, or within a character. The lines are escaped, because control characters would spoil the view. That costs
 * no colours: the threads write to a pipe, and programs colour lines for terminals only.
 */

import { StringDecoder } from 'node:string_decoder';
import { joinShown, linesOf, type Shown } from './escape.js';

/** A line that has not ended is shown when it is this long, in characters. */
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

  /** @returns the last line, if it has come without an end */
  end(): readonly Shown[] {
    const rest = this.#partial;
    this.#partial = '';
    return rest === '' ? [] : [joinShown(linesOf(rest))];
  }
}
