/** From the URLs of definitions to threads that have loaded them. */

import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failureToError } from '../../../dist/base/failure.js';
import { compileActors, type PlacedActor } from '../../../dist/module/compile-actors.js';
import { workerSpawner } from '../../../dist/pool/worker-link.js';
import type { Actors, LoadedActors } from '../../../dist/workloads/actors/actor-types.js';

const actors = JSON.stringify(
  fileURLToPath(new URL('../../../dist/actors/index.js', import.meta.url)),
);
const HEAD = `import { defineActor } from ${actors};`;

let root = '';
let projects = 0;
beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-actors-')));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const define = (name: string, more = '') =>
  `defineActor(import.meta.url, '${name}', { initial: () => ({}), handlers: { a() {} }, ${more} })`;

/** Writes the files. @returns an actor as one that these define, by name and file */
async function project(files: Readonly<Record<string, string>>) {
  const folder = join(root, `project-${projects++}`);
  for (const [name, text] of Object.entries({ 'package.json': '{"type":"module"}', ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return (name: string, file: string): PlacedActor => ({
    name,
    url: pathToFileURL(join(folder, file)).href,
  });
}

/** What a thread loads of these. Rejects with what keeps it from that. */
async function load(given: readonly PlacedActor[]): Promise<LoadedActors> {
  const compiled = await compileActors(given);
  const spawn = workerSpawner<Actors>(compiled, { heartbeatIntervalMs: 1_000 });
  let link: ReturnType<typeof spawn> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      link = spawn('test', {
        onEvent: (event) => {
          if (event.kind === 'ready') resolve();
          else if (event.kind === 'load-failed') reject(failureToError(event.failure));
        },
        onBeat: () => {},
        onDeath: (failure) => reject(failureToError(failure)),
      });
    });
    return await link!.call('load', [{ actors: given.map(({ name }) => name) }]);
  } finally {
    await link?.terminate();
  }
}

test('modules of all definitions are one bundle, and what several import runs once', async () => {
  const at = await project({
    'one.ts': `
      ${HEAD}
      import { runs } from './shared.js';
      export const One = ${define('One', 'version: runs()')};
      export const Unlisted = ${define('Unlisted')};`,
    'two.ts': `
      ${HEAD}
      import { runs } from './shared.js';
      export { One } from './one.js';
      const text: string = 'Two';
      export const Two = ${define('Two', 'version: runs()')};`,
    'shared.ts': 'let calls = 0; export const runs = (): number => (calls += 1);',
  });
  const one = at('One', 'one.ts');
  const two = at('Two', 'two.ts');
  const loaded = await load([two, one]);
  expect(loaded).toEqual({
    hash: expect.stringMatching(/^[0-9a-f]{24}$/),
    actors: [
      { ...one, version: 1 },
      { ...two, version: 2 },
    ],
  });
  expect((await load([one, two])).hash).toBe(loaded.hash);
  expect((await load([one])).hash).not.toBe(loaded.hash);
});

test('a module may be CommonJS, export by default, or await', async () => {
  const at = await project({
    'common.cjs': `
      const { defineActor } = require(${actors});
      const url = require('node:url').pathToFileURL(__filename).href;
      exports.Common = defineActor(url, 'Common', { initial: () => ({}), handlers: { a() {} } });`,
    'default.js': `${HEAD} export default ${define('Default')};`,
    'awaits.js': `${HEAD} await 0; export const Awaits = ${define('Awaits')};`,
  });
  const names = async (given: readonly PlacedActor[]) =>
    (await load(given)).actors.map(({ name }) => name);
  expect(await names([at('Common', 'common.cjs')])).toEqual(['Common']);
  expect(await names([at('Default', 'default.js')])).toEqual(['Default']);
  expect(await names([at('Awaits', 'awaits.js'), at('Default', 'default.js')])).toEqual([
    'Awaits',
    'Default',
  ]);
});

test('what cannot be loaded is refused by name', async () => {
  const at = await project({
    'one.js': `${HEAD} export const One = ${define('One')};`,
    'other.js': `${HEAD} export const Other = ${define('One')};`,
    'throws.js': "throw new RangeError('at the top');",
    'broken.ts': 'export const = 1;',
  });
  await expect(load([at('Two', 'one.js')])).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_ACTOR_MODULE',
    message: expect.stringContaining("'Two'; exported are: One."),
  });
  await expect(load([at('One', 'one.js'), at('One', 'other.js')])).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_ACTOR_DEFINITION',
  });
  await expect(load([at('One', 'throws.js')])).rejects.toMatchObject({
    message: expect.stringContaining('a module of actors failed while it was loaded: RangeError'),
  });
  await expect(load([at('One', 'broken.ts')])).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_COMPILE',
    message: expect.stringContaining('broken.ts:1:'),
  });
  await expect(load([at('One', 'nowhere.js')])).rejects.toMatchObject({
    code: 'ERR_HOLDFAST_ACTOR_MODULE',
    details: { actor: 'One' },
  });
});
