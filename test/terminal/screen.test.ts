/** The live view as a terminal shows it: a real one without a window. */

import xterm from '@xterm/headless';
import { expect, test } from 'vitest';
import { joinShown } from '../../src/terminal/escape.js';
import { Screen } from '../../src/terminal/screen.js';

function terminal(columns: number, rows: number) {
  const screen = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
  let written = Promise.resolve();
  return {
    columns,
    rows,
    write: (text: string): void => {
      // A terminal's driver returns the carriage at the end of a line.
      const done = new Promise<void>((resolve) => {
        screen.write(text.replaceAll('\n', '\r\n'), resolve);
      });
      written = written.then(() => done);
    },
    /** Lines from the top of what was ever shown, without empty ones at the end. */
    async lines(): Promise<readonly string[]> {
      await written;
      const buffer = screen.buffer.active;
      const lines = Array.from(
        { length: buffer.length },
        (_, at) => buffer.getLine(at)?.translateToString(true) ?? '',
      );
      return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
    },
  };
}

test('draws over what it drew; what is printed stands above', async () => {
  const stream = terminal(40, 12);
  const screen = new Screen(stream);
  screen.draw(['one', 'two', 'three']);
  screen.draw(['four', 'two']);
  expect(await stream.lines()).toEqual(['four', 'two']);
  screen.print(['said', 'more']);
  screen.draw(['five', 'two']);
  screen.draw(['six', 'two']);
  expect(await stream.lines()).toEqual(['said', 'more', 'six', 'two']);
  screen.close();
  screen.close();
  screen.draw(['never']);
  stream.write('last\n');
  expect(await stream.lines()).toEqual(['said', 'more', 'six', 'two', 'last']);
});

test('a line of wide characters does not wrap, whatever the width', async () => {
  for (const columns of [20, 21, 33]) {
    const stream = terminal(columns, 8);
    const screen = new Screen(stream);
    for (let round = 0; round < 5; round += 1) screen.draw(['日本語'.repeat(20), `round ${round}`]);
    const lines = await stream.lines();
    expect(lines).toEqual(['日本語'.repeat(20).slice(0, Math.floor(columns / 2)), 'round 4']);
  }
});

test('no more lines than there is room for, the first ones', async () => {
  const stream = terminal(20, 5);
  const screen = new Screen(stream);
  const nine = (from: number) => Array.from({ length: 9 }, (_, at) => `line ${from + at}`);
  for (let from = 0; from < 5; from += 1) screen.draw(nine(from));
  expect(await stream.lines()).toEqual(['line 4', 'line 5', 'line 6', 'line 7']);
});

test('what would move the cursor is shown and moves nothing', async () => {
  const stream = terminal(60, 8);
  const screen = new Screen(stream);
  screen.draw([joinShown(['job \x1b[2J\x1b[H', '\r', 'x\ny']), 'two']);
  screen.print(['\x1b]0;title\x07', 'a\u202eb']);
  screen.draw(['one']);
  expect(await stream.lines()).toEqual(['\\x1b]0;title\\x07', 'a\\u202eb', 'one']);
});
