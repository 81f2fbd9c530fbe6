/**
 * Reads source maps (ECMA-426, https://tc39.es/ecma426/).
 *
 * Node has a class for this. But that makes an array for each segment, which takes four times as long and leaves
 * 20 MB behind for the map of the runtime script. A map is looked at for a handful of positions, if ever. So here
 * nothing is kept of its segments but a mark every thousand characters, from which they are read when they are
 * asked for. The map of the runtime script has its marks with it.
 */

/** The parts of a source map that are used. */
export interface RawSourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
  /** Where reading may begin: what `marksOf` gives. A field of our own, as the standard allows. */
  readonly x_holdfast_marks?: readonly Mark[] | undefined;
}

/**
 * The end of a segment: the place in `mappings`; line and column in the script; source, line, column and name, as they
 * stand there; and 1 if the segment has a source, or else 0.
 */
export type Mark = readonly [number, number, number, number, number, number, number, number];

/** Lines and columns count from 0. */
export interface OriginalPosition {
  readonly source: string;
  readonly line: number;
  readonly column: number;
}

/** `source` and `name` are indexes, NONE when the segment has none. Without a source `line` and `column` mean nothing. */
export type VisitSegment = (
  scriptLine: number,
  scriptColumn: number,
  source: number,
  line: number,
  column: number,
  name: number,
) => void;

export const NONE = -1;

/** Visits the segments of a map in the order of their positions in the script. */
export function eachSegment(mappings: string, visit: VisitSegment): void {
  const reader = new SegmentReader(mappings, BEGIN);
  while (reader.next()) {
    const { scriptLine, scriptColumn, source, line, column, name } = reader;
    const { hasSource, hasName } = reader;
    visit(scriptLine, scriptColumn, hasSource ? source : NONE, line, column, hasName ? name : NONE);
  }
}

/** Marks for a map whose positions will be asked for, so that each takes no longer than one in a small map. */
export function marksOf(mappings: string): readonly Mark[] {
  const reader = new SegmentReader(mappings, BEGIN);
  const marks = [BEGIN];
  while (reader.next()) {
    if (reader.at - marks.at(-1)![0] >= MARKED_EVERY) marks.push(reader.mark());
  }
  return marks;
}

/** In characters. */
const MARKED_EVERY = 1_024;
const BEGIN: Mark = [0, 0, 0, 0, 0, 0, 0, 0];

/** Reads one segment after the other; its fields are those of the last one. */
class SegmentReader {
  readonly #mappings: string;
  at: number;
  scriptLine: number;
  scriptColumn: number;
  /** These four stay what they were where a segment does not have them. */
  source: number;
  line: number;
  column: number;
  name: number;
  hasSource: boolean;
  hasName = false;

  constructor(mappings: string, from: Mark) {
    this.#mappings = mappings;
    const [at, scriptLine, scriptColumn, source, line, column, name, hasSource] = from;
    this.at = at;
    this.scriptLine = scriptLine;
    this.scriptColumn = scriptColumn;
    this.source = source;
    this.line = line;
    this.column = column;
    this.name = name;
    this.hasSource = hasSource === 1;
  }

  mark(): Mark {
    const { at, scriptLine, scriptColumn, source, line, column, name, hasSource } = this;
    return [at, scriptLine, scriptColumn, source, line, column, name, hasSource ? 1 : 0];
  }

  /** Is the last segment at this position of the script, or before it? */
  isUpTo(scriptLine: number, scriptColumn: number): boolean {
    if (this.scriptLine !== scriptLine) return this.scriptLine < scriptLine;
    return this.scriptColumn <= scriptColumn;
  }

  /** False when there is no further one. */
  next(): boolean {
    const mappings = this.#mappings;
    let [field, value, shift] = [0, 0, 0];
    for (; ; this.at += 1) {
      const isOver = this.at >= mappings.length;
      const code = isOver ? SEMICOLON : mappings.charCodeAt(this.at);
      if (code === COMMA || code === SEMICOLON) {
        if (field > 0) {
          this.hasSource = field >= 4;
          this.hasName = field >= 5;
          return true;
        }
        if (isOver) return false;
        if (code === COMMA) continue;
        this.scriptLine += 1;
        this.scriptColumn = 0;
        continue;
      }
      // Numbers in base 64: five bits per digit, the lowest first, then a sign. Each is a step from the one before.
      const bits = VALUES[code]!;
      value |= (bits & 31) << shift;
      shift += 5;
      if ((bits & 32) !== 0) continue;
      this.#step(field, (value & 1) === 1 ? -(value >> 1) : value >> 1);
      field += 1;
      value = 0;
      shift = 0;
    }
  }

  #step(field: number, step: number): void {
    if (field === 0) this.scriptColumn += step;
    else if (field === 1) this.source += step;
    else if (field === 2) this.line += step;
    else if (field === 3) this.column += step;
    else this.name += step;
  }
}

const COMMA = 44;
const SEMICOLON = 59;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Of digits, by character code. */
const VALUES = new Uint8Array(128);
for (let i = 0; i < DIGITS.length; i += 1) VALUES[DIGITS.charCodeAt(i)] = i;

/** Tells where positions of a script come from. */
export class PositionMap {
  readonly #sources: readonly string[];
  readonly #mappings: string;
  readonly #marks: readonly Mark[];

  constructor({ sources, mappings, x_holdfast_marks: marks }: RawSourceMap) {
    this.#sources = sources;
    this.#mappings = mappings;
    this.#marks = marks ?? marksOf(mappings);
  }

  /** What the last segment up to a position says, which may be on an earlier line; undefined when it says nothing. */
  find(line: number, column: number): OriginalPosition | undefined {
    const reader = new SegmentReader(this.#mappings, this.#markBefore(line, column));
    let { hasSource, source: index, line: sourceLine, column: sourceColumn } = reader;
    while (reader.next() && reader.isUpTo(line, column)) {
      ({ hasSource, source: index, line: sourceLine, column: sourceColumn } = reader);
    }
    const source = hasSource ? this.#sources[index] : undefined;
    return source === undefined ? undefined : { source, line: sourceLine, column: sourceColumn };
  }

  #markBefore(line: number, column: number): Mark {
    let [low, high] = [1, this.#marks.length];
    // Marks below `low` are not behind the position; those from `high` on are.
    while (low < high) {
      const middle = (low + high) >> 1;
      const [, markLine, markColumn] = this.#marks[middle]!;
      if (markLine < line || (markLine === line && markColumn <= column)) low = middle + 1;
      else high = middle;
    }
    return this.#marks[low - 1]!;
  }
}
