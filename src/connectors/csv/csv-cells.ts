/**
 * The cells of one record of comma-separated values, by RFC 4180.
 *
 *  C1  A cell that begins with a quote ends at the next quote that is not doubled. Delimiters and line ends within
 *      it are text, and kept as they are.
 *  C2  What cannot be told apart is a fault, and never repaired: text behind a closing quote, a quote within a
 *      cell that does not begin with one, a carriage return within a cell without quotes.
 *  C3  After a fault of quotes it is not known where the record ends, so only its first line is given up
 *      (files/record-lines.ts).
 */

import { FirstLineFault, type FollowingLines } from '../files/record-lines.js';

export interface CsvDialect {
  /** One UTF-16 unit. */
  readonly delimiter: string;
  /** One UTF-16 unit; undefined: quotes are text like any other. */
  readonly quote: string | undefined;
  /** A cell in quotes may hold line ends. */
  readonly isMultiline: boolean;
}

export interface Cells {
  readonly texts: readonly string[];
  /** Which of them stood in quotes; undefined: none. */
  readonly quoted: readonly boolean[] | undefined;
}

/** @throws Error that says what is wrong with the record */
export function splitCells(line: string, following: FollowingLines, dialect: CsvDialect): Cells {
  const { delimiter, quote } = dialect;
  if (quote !== undefined && line.includes(quote)) {
    return new QuotedRecord(line, following, dialect, quote).cells();
  }
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  checkReturns(text);
  return { texts: text.split(delimiter), quoted: undefined };
}

function checkReturns(text: string): void {
  if (!text.includes('\r')) return;
  throw new Error('a carriage return stands within a cell without quotes');
}

class QuotedRecord {
  readonly #following: FollowingLines;
  readonly #dialect: CsvDialect;
  readonly #quote: string;
  /** The line at hand, and how far it was read. */
  #line: string;
  #at = 0;

  constructor(line: string, following: FollowingLines, dialect: CsvDialect, quote: string) {
    this.#line = line;
    this.#following = following;
    this.#dialect = dialect;
    this.#quote = quote;
  }

  cells(): Cells {
    const texts: string[] = [];
    const quoted: boolean[] = [];
    do {
      const isQuoted = this.#line.startsWith(this.#quote, this.#at);
      texts.push(isQuoted ? this.#quotedCell() : this.#plainCell());
      quoted.push(isQuoted);
    } while (this.#hasMore(quoted.at(-1)!));
    return { texts, quoted };
  }

  /** Passes over the delimiter behind a cell; false at the record's end. */
  #hasMore(isQuoted: boolean): boolean {
    const line = this.#line;
    if (line.startsWith(this.#dialect.delimiter, this.#at)) {
      this.#at += 1;
      return true;
    }
    const isEnd = this.#at === line.length || (this.#at === line.length - 1 && line.endsWith('\r'));
    if (!isEnd && isQuoted) throw new FirstLineFault('text follows the closing quote of a cell');
    return false;
  }

  #plainCell(): string {
    const line = this.#line;
    const delimiter = line.indexOf(this.#dialect.delimiter, this.#at);
    const lineEnd = line.endsWith('\r') ? line.length - 1 : line.length;
    const end = delimiter < 0 ? lineEnd : delimiter;
    const text = line.slice(this.#at, end);
    if (text.includes(this.#quote)) {
      throw new FirstLineFault('a quote stands within a cell that does not begin with one');
    }
    checkReturns(text);
    this.#at = end;
    return text;
  }

  #quotedCell(): string {
    const quote = this.#quote;
    const pieces: string[] = [];
    let from = this.#at + 1;
    for (;;) {
      const line = this.#line;
      const found = line.indexOf(quote, from);
      if (found < 0) {
        pieces.push(line.slice(from), '\n');
        this.#line = this.#nextLine();
        from = 0;
      } else if (line.startsWith(quote, found + 1)) {
        pieces.push(line.slice(from, found + 1));
        from = found + 2;
      } else {
        this.#at = found + 1;
        const last = line.slice(from, found);
        return pieces.length === 0 ? last : pieces.join('') + last;
      }
    }
  }

  #nextLine(): string {
    if (!this.#dialect.isMultiline) {
      throw new FirstLineFault('a quoted cell is not closed on its line (quotedNewlines is false)');
    }
    return this.#following.take('a quoted cell is not closed');
  }
}
