/** Reading source maps, compared with Node's own class. */

import { SourceMap } from 'node:module';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { eachSegment, marksOf, NONE, PositionMap } from '../../src/module/position-map.js';

function ownBundle(minify: boolean): {
  code: string;
  map: ConstructorParameters<typeof SourceMap>[0];
} {
  const { outputFiles } = buildSync({
    entryPoints: ['src/codec/value-kinds.ts', 'src/supervisor/supervisor.ts'],
    bundle: true,
    write: false,
    minifyWhitespace: minify,
    format: 'cjs',
    platform: 'node',
    outdir: 'dist',
    sourcemap: 'external',
  });
  const text = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))!.text;
  return { code: text('supervisor.js'), map: JSON.parse(text('supervisor.js.map')) };
}

test.each([true, false])('every position of a bundle (on few lines: %s)', (minify) => {
  const { code, map } = ownBundle(minify);
  const nodes = new SourceMap(map);
  const ours = new PositionMap(map);
  const lines = code.split('\n');
  let found = 0;
  for (const [line, { length }] of lines.entries()) {
    const theirs: string[] = [];
    const mine: string[] = [];
    for (let column = 0; column <= length; column += 1) {
      const entry = nodes.findEntry(line, column);
      const position = ours.find(line, column);
      if ('originalSource' in entry) {
        theirs.push(`${entry.originalSource}:${entry.originalLine}:${entry.originalColumn}`);
        found += 1;
      }
      if (position !== undefined)
        mine.push(`${position.source}:${position.line}:${position.column}`);
    }
    expect(mine).toEqual(theirs);
  }
  expect(found).toBeGreaterThan(10_000);
});

test('the marks that come with a map are those that reading begins at', () => {
  const { map } = ownBundle(true);
  const marks = marksOf(map.mappings);
  expect(marks.length).toBeGreaterThan(10);
  const [at, line, column] = marks.at(-1)!;
  const found = new PositionMap(map).find(line, column);
  expect(found).toBeDefined();
  // What stands before the mark is not read.
  const mappings = '!'.repeat(at) + map.mappings.slice(at);
  expect(new PositionMap({ ...map, mappings, x_holdfast_marks: marks }).find(line, column)).toEqual(
    found,
  );
});

test('a position without a segment before it, and one whose segment tells no source', () => {
  // Line 1: nothing. Line 2: column 4 is from 0:0, column 8 from nowhere.
  const map = new PositionMap({ sources: ['a.ts'], mappings: ';IAAA,I' });
  expect(map.find(0, 9)).toBeUndefined();
  expect(map.find(1, 3)).toBeUndefined();
  expect(map.find(1, 7)).toEqual({ source: 'a.ts', line: 0, column: 0 });
  expect(map.find(1, 8)).toBeUndefined();
  expect(map.find(9, 0)).toBeUndefined();
  expect(new PositionMap({ sources: [], mappings: '' }).find(0, 0)).toBeUndefined();
});

test('names, and steps that go back or take several digits', () => {
  const seen: number[][] = [];
  // 16 is `gB`, and -1 is `D`.
  eachSegment('gBAgBAA;AADDA,C', (...segment) => seen.push(segment));
  expect(seen).toEqual([
    [0, 16, 0, 16, 0, 0],
    [1, 0, 0, 15, -1, 0],
    [1, 1, NONE, 15, -1, NONE],
  ]);
});
