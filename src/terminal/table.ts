/**
 * Lays out columns of text, by the widths that the live view uses. `cli-table3` and its kind measure by an older table
 * of widths, in which newer emoji take one column.
 */

import { padEnd, padStart, widthOf } from './columns.js';
import { joinShown, type Showable, type Shown } from './escape.js';

export interface Column {
  readonly title: string;
  /** Default left. */
  readonly align?: 'left' | 'right';
}

/** The table as lines: titles, a rule and the rows, without trailing spaces. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly Showable[])[],
): readonly Shown[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(row[i] ?? ''))),
  );
  const line = (cells: readonly Showable[]): Shown => {
    const last = cells.findLastIndex((cell) => widthOf(cell) > 0);
    const shownCells = columns.slice(0, last + 1).map(({ align }, i) => {
      const cell = cells[i] ?? '';
      if (align === 'right') return padStart(cell, widths[i] ?? 0);
      return i === last ? cell : padEnd(cell, widths[i] ?? 0);
    });
    return joinShown(shownCells, '  ');
  };
  return [
    line(columns.map(({ title }) => title)),
    joinShown(
      widths.map((width) => '─'.repeat(width)),
      '  ',
    ),
    ...rows.map(line),
  ];
}
