/**
 * A few lines at the bottom of a terminal that are drawn over and over, and text above them.
 *
 * `log-update` goes back over what it drew. It hides the cursor, and shows it again however the program ends.
 * Every line is shortened to the terminal's width first, because lines that wrap could push the last ones out.
 */

import { createLogUpdate } from 'log-update';
import { cutLine } from './cut-line.js';
import { type Showable, show } from './escape.js';

export interface TerminalStream {
  write(text: string): unknown;
  readonly columns?: number;
  readonly rows?: number;
}

export class Screen {
  readonly #stream: TerminalStream;
  readonly #update: ReturnType<typeof createLogUpdate>;
  #closed = false;

  constructor(stream: TerminalStream) {
    this.#stream = stream;
    this.#update = createLogUpdate(stream as NodeJS.WritableStream);
  }

  /** Replaces the lines that were drawn last. */
  draw(lines: readonly Showable[]): void {
    if (this.#closed) return;
    const width = Math.max(20, this.#stream.columns ?? 80);
    const height = Math.max(4, this.#stream.rows ?? 24) - 1;
    this.#update(
      lines
        .slice(0, height)
        .map((line) => cutLine(line, width))
        .join('\n'),
    );
  }

  /** Writes lines above the drawn ones. These appear again with the next `draw`. */
  print(lines: readonly Showable[]): void {
    this.#update.clear();
    for (const line of lines) this.#stream.write(`${show(line).text}\n`);
  }

  /** Leaves the drawn lines where they are. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#update.done();
  }
}
