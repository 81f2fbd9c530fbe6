/**
 * Reads source maps (ECMA-426, https://tc39.es/ecma426/).
 *
 * Node has a class for this. But that makes an array for each segment, which takes four times as long and leaves
 * 20 MB behind for the map of the runtime script.
 */

/** The parts of a source map that are used. */
export interface RawSourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

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
  let [scriptLine, scriptColumn, source, line, column, name] = [0, 0, 0, 0, 0, 0];
  let [field, value, shift] = [0, 0, 0];
  for (let at = 0; at <= mappings.length; at += 1) {
    const code = at < mappings.length ? mappings.charCodeAt(at) : SEMICOLON;
    if (code === COMMA || code === SEMICOLON) {
      const [hasSource, hasName] = [field >= 4, field >= 5];
      if (field > 0) {
        visit(
          scriptLine,
          scriptColumn,
          hasSource ? source : NONE,
          line,
          column,
          hasName ? name : NONE,
        );
      }
      field = 0;
      if (code === COMMA) continue;
      scriptLine += 1;
      scriptColumn = 0;
      continue;
    }
    // Numbers in base 64: five bits per digit, the lowest first, then a sign. Each is a step from the one before.
    const bits = VALUES[code]!;
    value |= (bits & 31) << shift;
    shift += 5;
    if ((bits & 32) !== 0) continue;
    const step = (value & 1) === 1 ? -(value >> 1) : value >> 1;
    value = 0;
    shift = 0;
    if (field === 0) scriptColumn += step;
    else if (field === 1) source += step;
    else if (field === 2) line += step;
    else if (field === 3) column += step;
    else name += step;
    field += 1;
  }
}

const COMMA = 44;
const SEMICOLON = 59;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
/** Of digits, by character code. */
const VALUES = new Uint8Array(128);
for (let i = 0; i < DIGITS.length; i += 1) VALUES[DIGITS.charCodeAt(i)] = i;

/** So many numbers are kept of each segment: the column in the script, then source, line and column. */
const KEPT = 4;

/** Tells where positions of a script come from. */
export class PositionMap {
  readonly #sources: readonly string[];
  readonly #segments: Int32Array;
  /** By line of the script: how many segments are on the lines before it. The last entry is for the end. */
  readonly #before: readonly number[];

  constructor({ sources, mappings }: RawSourceMap) {
    // A segment takes at least two characters, with its separator.
    const kept = new Int32Array(((mappings.length + 1) >> 1) * KEPT);
    const before = [0];
    let at = 0;
    eachSegment(mappings, (scriptLine, scriptColumn, source, line, column) => {
      while (before.length <= scriptLine) before.push(at / KEPT);
      kept[at] = scriptColumn;
      kept[at + 1] = source;
      kept[at + 2] = line;
      kept[at + 3] = column;
      at += KEPT;
    });
    before.push(at / KEPT);
    this.#sources = sources;
    this.#segments = kept.slice(0, at);
    this.#before = before;
  }

  /** What the last segment up to a position says, which may be on an earlier line; undefined when it says nothing. */
  find(line: number, column: number): OriginalPosition | undefined {
    const end = this.#before.length - 1;
    let low = this.#before[Math.min(line, end)]!;
    let high = this.#before[Math.min(line + 1, end)]!;
    // Of the line's segments, those below `low` are not behind the position; those from `high` on are.
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle * KEPT]! <= column) low = middle + 1;
      else high = middle;
    }
    const at = (low - 1) * KEPT;
    const source = at < 0 ? undefined : this.#sources[this.#segments[at + 1]!];
    if (source === undefined) return undefined;
    return { source, line: this.#segments[at + 2]!, column: this.#segments[at + 3]! };
  }
}
