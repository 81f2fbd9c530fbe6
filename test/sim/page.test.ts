/** docs/simulator.md tells of the simulator as it is. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FAULT_KINDS } from './faults.js';
import { PLANTED_BUGS } from './planted-bugs.js';

const page = readFileSync(
  fileURLToPath(new URL('../../docs/simulator.md', import.meta.url)),
  'utf8',
);

/** First cells of the rows of the table under a heading. */
function rowsUnder(heading: string): readonly string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(`${heading}\n`))!;
  const rows = section.split('\n').filter((line) => line.startsWith('| ') && !/^\| -/.test(line));
  return rows.slice(1).map((row) => row.split('|')[1]!.trim().replaceAll('`', ''));
}

describe('the page on the simulator', () => {
  test('names every kind of fault', () => {
    expect([...rowsUnder('Faults')].sort()).toEqual([...FAULT_KINDS].sort());
  });

  test('says of every invariant who asks for it', () => {
    const numbers = Array.from({ length: 30 }, (_, at) => at + 1).filter((number) => number !== 10);
    expect(rowsUnder('Who watches')).toEqual(numbers.map((number) => `I${number}`));
  });

  test('names files that exist', () => {
    const told = page.match(/`(test\/)?[a-z/-]+\.ts`/g)!.map((name) => name.slice(1, -1));
    const folders = ['', 'test/sim/'].map((folder) => new URL(`../../${folder}`, import.meta.url));
    for (const name of new Set(told)) {
      const found = folders.some((folder) => {
        try {
          return readFileSync(new URL(name, folder)).length > 0;
        } catch {
          return false;
        }
      });
      expect(found, name).toBe(true);
    }
  });

  test('lists the mistakes that are planted', () => {
    const listed = page.split('\n').filter((line) => line.startsWith('- '));
    expect(listed.map((line) => line.slice(2))).toEqual(PLANTED_BUGS.map(({ name }) => name));
  });
});
