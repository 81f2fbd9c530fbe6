/** docs/supervision-cases.md names tests that exist. */

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const rows = read('docs/supervision-cases.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| group'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, group, what, file, name]) => ({ group, what, file, name }));

/** Titles as written: with `%s`, and with quotes of either kind. */
const titles = new Map<string, string>();
const textOf = (file: string): string => {
  const known = titles.get(file) ?? read(file).replaceAll("\\'", "'");
  titles.set(file, known);
  return known;
};

it('there are cases', () => {
  expect(rows.length).toBeGreaterThan(80);
});

it.each(rows.filter(({ file }) => file !== '–'))('$group: $what', ({ file, name }) => {
  expect(file).toMatch(/^`test\/.*\.test\.ts`$/);
  const text = textOf(file!.slice(1, -1));
  const isThere = ["'", '"', '`'].some((quote) => text.includes(`${quote}${name}${quote}`));
  expect(isThere, `${file} has no test '${name}'`).toBe(true);
});
