/**
 * What a process or a thread loads before it does anything. A module costs 0.5 ms of each start, some packages 20 ms and
 * more, so what is seldom needed is imported when it is. Here a static import would undo that unseen.
 */

import { existsSync } from 'node:fs';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

const STORES = ['checkpoint/directory/directory-store.ts', 'checkpoint/object/s3.ts'];
const DRAWING = ['log-update', 'string-width'];
const PROCESSES = ['esbuild', 'piscina'];

test.each([
  ['cli/main.ts', ['job/options.ts', 'terminal/plain-reporter.ts', ...STORES, ...DRAWING]],
  ['cli/run-command.ts', ['job/driver/driver.ts', ...STORES, ...DRAWING]],
  ['guardian/child-main.ts', ['host/host.ts', 'checkpoint/object/s3.ts']],
  ['index.ts', ['host/host.ts', 'checkpoint/object/s3.ts']],
  ['workloads/worker-main.ts', ['connectors/csv/csv-file.ts', 'connectors/index.ts']],
])('%s does not load what it seldom needs', async (entry, seldom) => {
  const loaded = await loadedBy(entry);
  expect(loaded).toContain(entry);
  expect(loaded.filter((name) => [...seldom, ...PROCESSES].includes(name))).toEqual([]);
  for (const name of seldom.filter((each) => each.endsWith('.ts'))) {
    expect(existsSync(`src/${name}`), name).toBe(true);
  }
});

test('an import is seen through other files, and that of a package', async () => {
  const drawn = await loadedBy('terminal/live-reporter.ts');
  expect(drawn).toEqual(expect.arrayContaining(['terminal/cut-line.ts', ...DRAWING]));
  expect(await loadedBy('checkpoint/object/s3.ts')).toContain('checkpoint/object/object-store.ts');
});

/** Files, from `src`, and packages that a file imports statically, itself included. */
async function loadedBy(entry: string): Promise<readonly string[]> {
  const { metafile } = await build({
    entryPoints: [`src/${entry}`],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    plugins: [
      {
        name: 'static-only',
        setup: ({ onResolve }) =>
          onResolve({ filter: /.*/ }, ({ kind, path }) =>
            kind === 'dynamic-import' ? { path, external: true } : undefined,
          ),
      },
    ],
  });
  const inputs = Object.entries(metafile.inputs);
  const packages = inputs
    .flatMap(([, { imports }]) => imports)
    .filter(({ external, kind }) => external === true && kind === 'import-statement')
    .map(({ path }) => path);
  return [...inputs.map(([path]) => path.replace(/^src\//, '')), ...packages];
}
