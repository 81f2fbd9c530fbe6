import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../src/checkpoint/parts/checksum.js';
import { COMPRESSIONS, compressionOf } from '../../src/checkpoint/parts/compression.js';
import {
  encodedBytesMax,
  encodePart,
  PART_MAGIC,
  partHeader,
} from '../../src/checkpoint/parts/part-file.js';
import { writePartFile } from '../../src/checkpoint/parts/part-io.js';
import { readPartFile } from '../../src/checkpoint/parts/part-reader.js';
import type { PartDescriptor, PartInput } from '../../src/checkpoint/store.js';
import { CrashFileSystem } from './crash-file-system.js';
import { bytesOf, rejection, samplePart, shared } from './samples.js';

function describePart(part: PartInput, bytes: Uint8Array): PartDescriptor {
  return {
    file: 'a.part',
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    vertex: part.vertex,
    instance: part.instance,
    ...compressionOf(part),
    sections: part.sections.map(({ operator, name, chunks }) => ({
      operator,
      name,
      bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    })),
  };
}

/** What compresses to about half: bytes of four bits. */
const compressible = (length: number): Uint8Array => bytesOf(length, 5).map((byte) => byte & 15);

async function stored(part: PartInput, chunkBytes?: number) {
  const files = new CrashFileSystem();
  await files.makeDirectory('/d');
  const blocks: Uint8Array[] = [];
  for (const block of encodePart(part, chunkBytes === undefined ? {} : { chunkBytes })) {
    blocks.push(block.slice());
  }
  const bytes = Buffer.concat(blocks);
  const file = await files.create('/d/a.part');
  await file.write(bytes);
  await file.close();
  return { files, descriptor: describePart(part, bytes), bytes };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks.map((chunk) => new Uint8Array(chunk))));
}

describe('CRC-32', () => {
  test('of the published check value', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
  });

  test('in pieces and over shared memory', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        const whole = joined([a, b]);
        expect(crc32(b, crc32(a))).toBe(crc32(whole));
        expect(crc32(shared(whole))).toBe(crc32(whole));
      }),
    );
  });
});

describe('part file', () => {
  test('whatever is written comes back, in buffers of its own, however it was cut', async () => {
    const section = fc.record({
      operator: fc.string(),
      name: fc.string(),
      chunks: fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(section, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 80 }),
        fc.boolean(),
        async (sections, chunkBytes, share) => {
          const part = samplePart({
            sections: sections.map((one) => ({
              ...one,
              chunks: share ? one.chunks.map(shared) : one.chunks,
            })),
          });
          const { files, descriptor } = await stored(part, chunkBytes);
          const read = await readPartFile(files, '/d/a.part', descriptor);
          expect(read.map(({ operator, name }) => ({ operator, name }))).toEqual(
            sections.map(({ operator, name }) => ({ operator, name })),
          );
          read.forEach(({ bytes }, index) => {
            expect(bytes).toEqual(joined(sections[index]!.chunks));
            expect(bytes.buffer).toBeInstanceOf(ArrayBuffer);
            expect(bytes.buffer.byteLength).toBe(bytes.length);
          });
          expect(files.openFiles).toBe(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('a part of many blocks, from shared memory, written with short writes', async () => {
    const big = bytesOf(3_000_001, 3);
    const part = samplePart({
      sections: [{ operator: 'o', name: 's', chunks: [shared(big.subarray(0, 7)), big.slice(7)] }],
    });
    const files = new CrashFileSystem();
    await files.makeDirectory('/d');
    let writes = 0;
    files.onOperation = ({ kind }) => {
      if (kind !== 'write') return undefined;
      writes += 1;
      return 1 + ((writes * 77_777) % 400_000);
    };
    const written = await writePartFile(files, '/d/a.part', part);
    const bytes = files.bytes('/d/a.part');
    expect(written.bytes).toBe(bytes.length);
    expect(writes).toBeGreaterThan(10);
    const descriptor = describePart(part, bytes);
    expect(written.sha256).toBe(descriptor.sha256);
    const read = await readPartFile(files, '/d/a.part', descriptor);
    expect(Buffer.compare(read[0]!.bytes, big)).toBe(0);
  });

  test('a file system that takes nothing is an error, not an endless loop', async () => {
    const files = new CrashFileSystem();
    await files.makeDirectory('/d');
    files.onOperation = ({ kind }) => (kind === 'write' ? 0 : undefined);
    const error = await rejection(writePartFile(files, '/d/a.part', samplePart()));
    expect(error.message).toContain('wrote none');
    expect(files.openFiles).toBe(0);
  });

  test('every damaged byte is found, with its file, place and both checksums', async () => {
    const { files, descriptor, bytes } = await stored(samplePart(), 50);
    for (let at = 0; at < bytes.length; at += 1) {
      files.damage('/d/a.part', (data) => {
        data[at] = data[at]! ^ (1 << (at % 8));
        return data;
      });
      const error = await rejection(readPartFile(files, '/d/a.part', descriptor));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      const details = error.details as Record<string, unknown>;
      expect(details.file).toBe('/d/a.part');
      expect(details.offset).toBeLessThanOrEqual(at);
      expect(details.expected).not.toBe(details.found);
      expect(details.expectedSha256).toBe(descriptor.sha256);
      expect(details.foundSha256).not.toBe(descriptor.sha256);
      for (const told of ['file', 'expected', 'found', 'expectedSha256', 'foundSha256']) {
        expect(error.message).toContain(String(details[told]));
      }
      expect(error.message).toContain(`at byte ${details.offset}`);
      files.damage('/d/a.part', () => new Uint8Array(bytes));
    }
    expect(await readPartFile(files, '/d/a.part', descriptor)).toHaveLength(3);
  });

  test('a damaged chunk is placed at its head', async () => {
    const part = samplePart({
      sections: [{ operator: 'o', name: 's', chunks: [bytesOf(600_000)] }],
    });
    const { files, descriptor, bytes } = await stored(part);
    const second = bytes.length - (600_000 - 262_144) - 2 * 8;
    files.damage('/d/a.part', (data) => {
      data[second + 8 + 1_000]! ^= 0x10;
      return data;
    });
    const error = await rejection(readPartFile(files, '/d/a.part', descriptor));
    expect(error.details).toMatchObject({ offset: second, check: 'CRC-32' });
  });

  test('a file cut short, grown, replaced or missing is found', async () => {
    const { files, descriptor, bytes } = await stored(samplePart());
    const changed: readonly ((data: Uint8Array) => Uint8Array)[] = [
      (data) => data.subarray(0, data.length - 1),
      (data) => data.subarray(0, 3),
      () => new Uint8Array(),
      (data) => joined([data, new Uint8Array(1)]),
      (data) => new Uint8Array(data.length),
    ];
    for (const change of changed) {
      files.damage('/d/a.part', () => change(new Uint8Array(bytes)));
      const error = await rejection(readPartFile(files, '/d/a.part', descriptor));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    }
    await files.remove('/d/a.part');
    const missing = await rejection(readPartFile(files, '/d/a.part', descriptor));
    expect(missing.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(missing.message).toContain('no file');
    expect(missing.message).toContain(descriptor.sha256);
  });

  test("another task's part under this name is no match", async () => {
    const { files, descriptor, bytes } = await stored(samplePart({ instance: 1 }));
    const other = { ...descriptor, ...describePart(samplePart(), bytes) };
    const error = await rejection(readPartFile(files, '/d/a.part', other));
    expect(error.details).toMatchObject({ check: 'header' });
  });

  test('a whole file with the same shape and other content is found by its SHA-256', async () => {
    const one = { operator: 'o', name: 's', chunks: [bytesOf(500, 3)] };
    const other = { ...one, chunks: [bytesOf(500, 5)] };
    const { descriptor } = await stored(samplePart({ sections: [one] }));
    const { files, bytes } = await stored(samplePart({ sections: [other] }));
    expect(bytes.length).toBe(descriptor.bytes);
    const error = await rejection(readPartFile(files, '/d/a.part', descriptor));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(error.details).toMatchObject({ check: 'SHA-256', expected: descriptor.sha256 });
  });

  test('the same part made by a later format is no damage, but cannot be read', async () => {
    const { files, descriptor } = await stored(samplePart());
    files.damage('/d/a.part', (data) => {
      data[8] = 3;
      return data;
    });
    const sha256 = createHash('sha256').update(files.bytes('/d/a.part')).digest('hex');
    const error = await rejection(readPartFile(files, '/d/a.part', { ...descriptor, sha256 }));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    expect(error.message).toContain('its format is 3');
  });
});

describe.each(COMPRESSIONS)('part file with %s', (compression) => {
  test('whatever is written comes back, however it was cut, and is never larger', async () => {
    const chunk = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 0, max: 2_000 }).map(compressible),
    );
    const section = fc.record({
      operator: fc.string(),
      name: fc.string(),
      chunks: fc.array(chunk),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(section, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 40, max: 3_000 }),
        async (sections, chunkBytes) => {
          const part = samplePart({ compression, sections });
          const { files, descriptor, bytes } = await stored(part, chunkBytes);
          expect(bytes.length).toBeLessThanOrEqual(encodedBytesMax(part, { chunkBytes }));
          const read = await readPartFile(files, '/d/a.part', descriptor);
          expect(read.map((one) => one.bytes)).toEqual(
            sections.map(({ chunks }) => joined(chunks)),
          );
        },
      ),
      { numRuns: 25 },
    );
  });

  test('a part of many blocks gets smaller', async () => {
    const big = compressible(3_000_001);
    const part = samplePart({
      compression,
      sections: [{ operator: 'o', name: 's', chunks: [shared(big)] }],
    });
    const { files, descriptor, bytes } = await stored(part);
    expect(bytes.length).toBeLessThan(big.length * 0.7);
    const [read] = await readPartFile(files, '/d/a.part', descriptor);
    expect(Buffer.compare(read!.bytes, big)).toBe(0);
  });

  test('every damaged byte is found before anything is expanded', async () => {
    const part = samplePart({
      compression,
      sections: [{ operator: 'o', name: 's', chunks: [compressible(700)] }],
    });
    const { files, descriptor, bytes } = await stored(part, 300);
    for (let at = 0; at < bytes.length; at += 1) {
      files.damage('/d/a.part', (data) => {
        data[at] = data[at]! ^ (1 << (at % 8));
        return data;
      });
      const error = await rejection(readPartFile(files, '/d/a.part', descriptor));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      const { check, offset } = error.details as Record<string, unknown>;
      expect(check).not.toBe(compression);
      expect(offset).toBeLessThanOrEqual(at);
      files.damage('/d/a.part', () => new Uint8Array(bytes));
    }
  });

  test.each([
    ['more than its place has room for', 20_000, 'bytes'],
    ['less than it should', 120, '120 bytes came out'],
  ])('content that is %s is refused, all checksums being right', async (_, length, told) => {
    const content = (bytes: number) => [
      { operator: 'o', name: 's', chunks: [new Uint8Array(bytes)] },
    ];
    // The chunk of another part, under a head that promises 300 bytes.
    const other = await stored(samplePart({ compression, sections: content(length) }), length);
    const chunk = other.bytes.subarray(bodyOf(other.bytes));
    const mine = await stored(samplePart({ compression, sections: content(300) }), 300);
    const forged = joined([mine.bytes.subarray(0, bodyOf(mine.bytes)), chunk]);
    expect(chunk.length - 8).toBeLessThan(300);
    mine.files.damage('/d/a.part', () => forged);
    const sha256 = createHash('sha256').update(forged).digest('hex');
    const descriptor = { ...mine.descriptor, bytes: forged.length, sha256 };
    const error = await rejection(readPartFile(mine.files, '/d/a.part', descriptor));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(error.details).toMatchObject({ check: compression, expected: '300 bytes of content' });
    expect(error.details).toMatchObject({ found: expect.stringContaining(told) });
  });

  test('a manifest that tells of another compression is no match', async () => {
    const { files, descriptor } = await stored(samplePart({ compression }));
    const { compression: _, ...plain } = descriptor;
    const error = await rejection(readPartFile(files, '/d/a.part', plain));
    expect(error.details).toMatchObject({ check: 'header' });
  });
});

test('a compression of a later version is no damage, but cannot be read', async () => {
  const later = { compression: 'later' } as unknown as { compression: 'gzip' };
  const header = Buffer.from(JSON.stringify(partHeader(samplePart(later))));
  const prefix = Buffer.alloc(20);
  prefix.set(PART_MAGIC);
  prefix.writeUInt32LE(2, 8);
  prefix.writeUInt32LE(header.length, 12);
  prefix.writeUInt32LE(crc32(header, crc32(prefix.subarray(8, 16))), 16);
  const bytes = joined([prefix, header]);
  const files = new CrashFileSystem();
  await files.makeDirectory('/d');
  const file = await files.create('/d/a.part');
  await file.write(bytes);
  await file.close();
  const descriptor = describePart(samplePart(later), bytes);
  const error = await rejection(readPartFile(files, '/d/a.part', descriptor));
  expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
  expect(error.message).toContain("its compression is 'later'");
});

/** Where the first chunk begins. */
function bodyOf(bytes: Uint8Array): number {
  return 20 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
}
