/**
 * A few lines at the bottom of a terminal that are drawn over and over, and text above them.
 *
 * Every line is cut to the terminal's width, for a line that wraps would break the count of lines to
 * go back. The cursor is hidden meanwhile and shown again however the program ends.
 */

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_BELOW = '\x1b[J';

export interface TerminalStream {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

export class Screen {
  readonly #stream: TerminalStream;
  readonly #restore = () => this.close();
  #drawn = 0;
  #closed = false;

  constructor(stream: TerminalStream) {
    this.#stream = stream;
    stream.write(HIDE_CURSOR);
    process.once('exit', this.#restore);
  }

  /** Replaces what was drawn last. */
  draw(lines: readonly string[]): void {
    if (this.#closed) return;
    const width = Math.max(20, this.#stream.columns ?? 80);
    const height = Math.max(4, this.#stream.rows ?? 24) - 1;
    const shown = lines.slice(0, height).map((line) => cutLine(line, width));
    this.#stream.write(this.#back() + shown.map((line) => `${line}\n`).join(''));
    this.#drawn = shown.length;
  }

  /** Writes text above the drawn lines; they appear again with the next `draw`. */
  print(text: string): void {
    this.#stream.write(this.#back() + (text.endsWith('\n') ? text : `${text}\n`));
    this.#drawn = 0;
  }

  /** Leaves what is drawn where it is. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    process.off('exit', this.#restore);
    this.#stream.write(SHOW_CURSOR);
  }

  #back(): string {
    return this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\r${CLEAR_BELOW}`;
  }
}

/** Cuts a line to a number of visible characters; colour codes do not count and are closed. */
export function cutLine(line: string, width: number): string {
  let visible = 0;
  let out = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one.
  for (const [part] of line.matchAll(/\x1b\[[0-9;]*m|[\s\S]/gu)) {
    if (part.length > 2 && part.startsWith('\x1b')) out += part;
    else if (visible < width) {
      out += part < ' ' ? ' ' : part;
      visible += 1;
    }
  }
  return out;
}
