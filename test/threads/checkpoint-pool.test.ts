import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import {
  DirectoryStore,
  openCheckpointDirectory,
  POOL_PART_BYTES,
} from '../../dist/checkpoint/directory/directory-store.js';
import { COMPRESSIONS } from '../../dist/checkpoint/parts/compression.js';
import { WritePool } from '../../dist/checkpoint/parts/write-pool.js';
import type { PartInput } from '../../dist/checkpoint/store.js';
import { bytesOf, rejection, sampleManifest, samplePart, shared } from '../checkpoint/samples.js';

const directories: string[] = [];
const pools: WritePool[] = [];

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-pool-'));
  directories.push(directory);
  return directory;
}

function pooled(options: ConstructorParameters<typeof WritePool>[0] = {}): WritePool {
  const pool = new WritePool(options);
  pools.push(pool);
  return pool;
}

function large(chunks: readonly Uint8Array[], overrides: Partial<PartInput> = {}): PartInput {
  return samplePart({ sections: [{ operator: 'a', name: 's', chunks }], ...overrides });
}

const bad = new URL('./fixtures/bad-pool-worker.mjs', import.meta.url);

describe('large parts in the pool', () => {
  test('come back whole, from shared, own, sliced and repeated memory', async () => {
    const directory = await temporary();
    const pool = pooled();
    const store = new DirectoryStore(directory, { pool });
    await store.acquire();
    const whole = bytesOf(300_000, 3);
    const backing = bytesOf(200_000, 5);
    const buffer = Buffer.from(bytesOf(90_000, 9).buffer);
    const repeated = bytesOf(1_000, 7);
    const chunks = [
      shared(bytesOf(POOL_PART_BYTES, 11)),
      whole,
      backing.subarray(10, 70_000),
      buffer.subarray(10, 70_000),
      Buffer.from('from the pool of small buffers'),
      repeated,
      repeated,
      new Uint8Array(),
    ];
    const expected = Buffer.concat(chunks.map((chunk) => new Uint8Array(chunk)));
    const part = await store.writePart(large(chunks));
    expect(await pool.threads()).toBe(1);
    // Whole buffers went over, views were copied.
    expect(whole.buffer.byteLength).toBe(0);
    expect(backing.buffer.byteLength).toBe(200_000);
    expect(buffer.buffer.byteLength).toBe(90_000);
    await store.writeManifest(sampleManifest(1, [part]));
    const [section] = await store.readPart(part);
    expect(Buffer.compare(section!.bytes, expected)).toBe(0);
    expect(section!.bytes.buffer.byteLength).toBe(expected.length);
    await store.close();
    expect(await pool.threads()).toBe(0);
  });

  test.each(COMPRESSIONS)('are compressed there with %s', async (compression) => {
    const pool = pooled();
    const store = new DirectoryStore(await temporary(), { pool });
    await store.acquire();
    const content = bytesOf(POOL_PART_BYTES * 3 + 1).map((byte) => byte & 7);
    const part = await store.writePart(large([shared(content)], { compression }));
    expect(await pool.threads()).toBe(1);
    expect(part).toMatchObject({ compression, sections: [{ bytes: content.length }] });
    expect(part.bytes).toBeLessThan(content.length * 0.7);
    const [section] = await store.readPart(part);
    expect(Buffer.compare(section!.bytes, content)).toBe(0);
    await store.close();
  });

  test('are written several at a time, and small ones without a thread', async () => {
    const directory = await temporary();
    const pool = pooled();
    const store = new DirectoryStore(directory, { pool });
    await store.acquire();
    await store.writePart(samplePart());
    expect(await pool.threads()).toBe(0);
    const parts = await Promise.all(
      Array.from({ length: 8 }, (_, instance) =>
        store.writePart(
          large([shared(bytesOf(POOL_PART_BYTES + instance, instance))], { instance }),
        ),
      ),
    );
    expect(await pool.threads()).toBeLessThanOrEqual(2);
    for (const [instance, part] of parts.entries()) {
      const [section] = await store.readPart(part);
      const expected = bytesOf(POOL_PART_BYTES + instance, instance);
      expect(Buffer.compare(section!.bytes, expected)).toBe(0);
    }
    await store.close();
  });

  test('that are damaged are told with place and checksums, as on the calling thread', async () => {
    const directory = await temporary();
    const store = openCheckpointDirectory(directory);
    await store.acquire();
    const part = await store.writePart(large([bytesOf(POOL_PART_BYTES)]));
    const path = join(directory, 'parts', part.file);
    const bytes = await readFile(path);
    bytes[bytes.length - 5]! ^= 4;
    await writeFile(path, bytes);
    const error = await rejection(store.readPart(part));
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      details: { file: path, check: 'CRC-32', expectedSha256: part.sha256 },
    });
    expect(error.message).toContain(path);
    await rm(path);
    expect(await rejection(store.readPart(part))).toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    });
    await store.close();
  });

  test('fail with what the file system says', async () => {
    const directory = await temporary();
    const pool = pooled();
    const error = await rejection(
      pool.write(join(directory, 'missing', 'x'), large([bytesOf(POOL_PART_BYTES)])),
    );
    expect(error.code).toBe('ENOENT');
    const store = new DirectoryStore(directory, { pool });
    await store.acquire();
    await rm(join(directory, 'parts'), { recursive: true });
    const told = await rejection(store.writePart(large([bytesOf(POOL_PART_BYTES)])));
    expect(told.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(told.details).toMatchObject({ directory, errno: 'ENOENT' });
    await store.close();
  });
});

describe('the pool when its threads misbehave', () => {
  test.each(['exit', 'throw'])('a thread that ends by %s fails its task only', async (how) => {
    const directory = await temporary();
    const pool = pooled({ worker: bad, threadsMax: 1 });
    for (let round = 0; round < 3; round += 1) {
      const doomed = await rejection(pool.write(join(directory, how), large([bytesOf(1_000)])));
      expect(doomed.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
      expect(doomed.message).toContain(join(directory, how));
      const path = join(directory, `fine-${round}`);
      expect((await pool.write(path, large([bytesOf(1_000)]))).bytes).toBeGreaterThan(1_000);
    }
  });

  test('a thread that hangs is killed at the deadline', async () => {
    const directory = await temporary();
    const pool = pooled({ worker: bad, threadsMax: 1, baseDeadlineMs: 100 });
    const doomed = await rejection(pool.write(join(directory, 'spin'), large([bytesOf(1_000)])));
    expect(doomed.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(doomed.message).toContain('did not answer within');
  });

  test('a part whose thread died leaves no file, and the next one is written', async () => {
    const directory = await temporary();
    const real = pooled();
    let dies = true;
    const pool = {
      write: async (path: string, part: PartInput) => {
        const written = await real.write(path, part);
        if (dies) throw new Error('the thread died after it had written');
        return written;
      },
      read: real.read.bind(real),
      close: () => real.close(),
    };
    const store = new DirectoryStore(directory, { pool });
    await store.acquire();
    const doomed = await rejection(store.writePart(large([bytesOf(POOL_PART_BYTES)])));
    expect(doomed.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(await readdir(join(directory, 'parts'))).toEqual([]);
    dies = false;
    const part = await store.writePart(large([bytesOf(POOL_PART_BYTES)]));
    expect(await readdir(join(directory, 'parts'))).toEqual([part.file]);
    await store.close();
  });

  test.each([
    ['does not load', new URL('./fixtures/unloadable-pool-worker.mjs', import.meta.url)],
    ['is not there', new URL('./fixtures/no-such-worker.mjs', import.meta.url)],
  ])('where the module %s the calling thread does the work', async (_, worker) => {
    const directory = await temporary();
    const pool = pooled({ worker });
    const store = new DirectoryStore(directory, { pool });
    await store.acquire();
    const part = await store.writePart(large([bytesOf(POOL_PART_BYTES)]));
    expect(await pool.threads()).toBe(0);
    expect((await store.readPart(part))[0]!.bytes).toHaveLength(POOL_PART_BYTES);
    await store.close();
  });

  test('a full queue does not fail: the calling thread helps', async () => {
    const directory = await temporary();
    const pool = pooled({ threadsMax: 1, queueMax: 1 });
    const written = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        pool.write(join(directory, `part-${i}`), large([bytesOf(50_000, i)])),
      ),
    );
    expect(written).toHaveLength(12);
    expect(await readdir(directory)).toHaveLength(12);
  });

  test('closed while it works, it fails the work and starts again for the next', async () => {
    const directory = await temporary();
    const pool = pooled({ worker: bad, threadsMax: 1 });
    await pool.write(join(directory, 'first'), large([bytesOf(1_000)]));
    const doomed = rejection(pool.write(join(directory, 'spin'), large([bytesOf(1_000)])));
    await new Promise((resolve) => setImmediate(resolve));
    await pool.close();
    expect((await doomed).code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    await pool.write(join(directory, 'second'), large([bytesOf(1_000)]));
  });

  test('keeps no process alive that has nothing else to do', async () => {
    const directory = await temporary();
    const module = new URL('../../dist/checkpoint/directory/directory-store.js', import.meta.url)
      .href;
    const script = `
      const { openCheckpointDirectory } = await import(${JSON.stringify(module)});
      const store = openCheckpointDirectory(${JSON.stringify(directory)});
      await store.acquire();
      const chunks = [new Uint8Array(1 << 20)];
      const sections = [{ operator: 'a', name: 's', chunks }];
      const part = await store.writePart({ job: 'j', checkpoint: 1, vertex: 'v', instance: 0,
        epoch: 1, incarnation: 0, sections });
      process.stdout.write(String(part.bytes > 1 << 20));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '-e', script],
      { timeout: 30_000 },
    );
    expect(stdout).toBe('true');
    // Its lock is stale now, and taken over.
    const store = openCheckpointDirectory(directory);
    await store.acquire();
    await store.close();
  });
});
