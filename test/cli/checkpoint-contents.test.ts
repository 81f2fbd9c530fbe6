import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { DirectoryStore } from '../../dist/checkpoint/directory/directory-store.js';
import { openCheckpoint } from '../../dist/checkpoint/inspect/inspect-checkpoint.js';
import { linkPart } from '../../dist/checkpoint/parts/part-chain.js';
import { contentsLines, contentsOf } from '../../dist/cli/checkpoint-contents.js';
import { sampleManifest, samplePart } from '../checkpoint/samples.js';

const nowMs = 1_700_000_005_000;
const STATE = { operator: 'count', name: 'state' };
let directory: string;

afterEach(() => rm(directory, { recursive: true, force: true }));

/** Checkpoint 2 holds changes of checkpoint 1; gives the name of the file that these are changes of. */
async function chain(compression: 'gzip' | undefined): Promise<string> {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-contents-'));
  const store = new DirectoryStore(directory);
  await store.acquire();
  const sections = (bytes: number) => [{ ...STATE, chunks: [new Uint8Array(bytes)] }];
  const base = await store.writePart(samplePart({ compression, sections: sections(90_000) }));
  const changes = samplePart({ compression, checkpoint: 2, sections: sections(10_000) });
  const part = linkPart(await store.writePart(changes), [STATE], base);
  await store.writeManifest(sampleManifest(2, [part], { format: 2 }));
  await store.close();
  return base.file;
}

const contents = async () => await contentsOf(await openCheckpoint(directory, 2), nowMs);

test('what a checkpoint builds on counts, and has to be whole', async () => {
  const base = await chain(undefined);
  const sound = await contents();
  expect(sound).toMatchObject({ sound: true, contentBytes: 100_000 });
  expect(sound.bytes).toBeGreaterThan(100_000);
  expect(contentsLines(sound).join('\n')).toMatch(/ in 2 parts$/m);
  await rm(join(directory, 'parts', base));
  const damaged = await contents();
  expect(damaged).toMatchObject({
    sound: false,
    damage: [{ file: join(directory, 'parts', base) }],
  });
});

test('sizes of compressed parts are told as stored and as they were', async () => {
  await chain('gzip');
  const found = await contents();
  expect(found).toMatchObject({ sound: true, contentBytes: 100_000 });
  expect(found.bytes).toBeLessThan(20_000);
  expect(contentsLines(found).join('\n')).toMatch(/ in 2 parts, with gzip from \S+ \S+$/m);
});
