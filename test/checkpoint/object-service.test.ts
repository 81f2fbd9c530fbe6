import { hostname } from 'node:os';
import { describe, expect, test, vi } from 'vitest';
import {
  decodeIndex,
  encodeIndex,
  type ObjectIndex,
} from '../../src/checkpoint/object/object-index.js';
import { type S3Place, s3Place } from './s3-place.js';
import type { S3Fault, S3Request } from './s3-server.js';
import { bytesOf, rejection, sampleManifest, samplePart } from './samples.js';

const PREFIX = 'jobs/flights';
const INDEX = `${PREFIX}/index.json`;

function readIndex({ server }: S3Place): ObjectIndex {
  return decodeIndex(server.objects.get(INDEX)!.bytes, INDEX);
}

function writeIndex({ server }: S3Place, change: Partial<ObjectIndex>, index: ObjectIndex): void {
  server.replace(INDEX, Buffer.from(encodeIndex({ ...index, ...change })));
}

describe('a lease on an object store', () => {
  /** A store whose owner is on another machine. */
  async function ownedElsewhere(): Promise<S3Place> {
    const place = await s3Place(PREFIX);
    const store = place.open();
    await store.acquire();
    await store.nextEpoch();
    const index = readIndex(place);
    const host = `not-${hostname()}`;
    const owner = { ...index.owner!, host, pid: 4711, token: 'theirs', leaseMs: 1_000 };
    await store.close();
    writeIndex(place, { owner, write: 'elsewhere' }, readIndex(place));
    return place;
  }

  test('of a silent owner elsewhere is taken over when it has run out, with a new epoch', async () => {
    const place = await ownedElsewhere();
    const store = place.open();
    await store.acquire();
    expect(await store.nextEpoch()).toBe(2);
    expect(readIndex(place).owner).toMatchObject({ pid: process.pid, host: hostname() });
    await store.close();
    expect(readIndex(place).owner).toBeUndefined();
  });

  test('of an owner elsewhere that renews it is respected', async () => {
    const place = await ownedElsewhere();
    let renewals = 0;
    place.server.onRequest = ({ kind, key }) => {
      if (kind !== 'GET' || key !== INDEX) return undefined;
      renewals += 1;
      writeIndex(place, { write: `renewal ${renewals}` }, readIndex(place));
      return undefined;
    };
    const error = await rejection(place.open().acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
    expect(error.message).toContain('4711');
    expect(error.message).toContain(`not-${hostname()}`);
  });

  test('of an owner elsewhere that gives it back meanwhile is free', async () => {
    const place = await ownedElsewhere();
    let looks = 0;
    place.server.onRequest = ({ kind, key }) => {
      if (kind !== 'GET' || key !== INDEX) return undefined;
      looks += 1;
      const { owner: _, ...rest } = readIndex(place);
      if (looks === 3)
        place.server.replace(INDEX, Buffer.from(encodeIndex({ ...rest, write: 'back' })));
      return undefined;
    };
    const store = place.open();
    await store.acquire();
    await store.close();
  });

  test('of a dead process on this machine is taken over at once', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open();
    await store.acquire();
    const index = readIndex(place);
    await store.close();
    // No process has this start time.
    const owner = { ...index.owner!, started: 'long ago/1', token: 'other', leaseMs: 600_000 };
    writeIndex(place, { owner, write: 'dead' }, index);
    const next = place.open();
    await next.acquire();
    await next.close();
  });

  test('is renewed while nothing else happens, and its loss is noticed', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open({ leaseMs: 1_000 });
    await store.acquire();
    const puts = () => place.server.log.filter(({ kind, key }) => kind === 'PUT' && key === INDEX);
    const before = puts().length;
    await vi.waitFor(() => expect(puts().length).toBeGreaterThan(before + 2), 20_000);
    await place.abandon();
    const lost = puts().length;
    await vi.waitFor(() => expect(puts().length).toBeGreaterThan(lost), 20_000);
    const error = await rejection(store.nextEpoch());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
    expect(error.message).toContain('lost the lease');
    await store.close();
    expect(readIndex(place).owner).toBeUndefined();
  });

  test('a failed renewal costs nothing', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open({ leaseMs: 1_000 }, 1);
    await store.acquire();
    let failures = 0;
    place.server.onRequest = () => {
      failures += 1;
      return [503, 'SlowDown'];
    };
    await vi.waitFor(() => expect(failures).toBeGreaterThan(2), 20_000);
    place.server.onRequest = () => undefined;
    expect(await store.nextEpoch()).toBe(1);
    await store.close();
  });
});

describe('a service', () => {
  test('that ignores conditions is refused before anything is written', async () => {
    const place = await s3Place(PREFIX);
    place.server.ignoresConditions = true;
    const error = await rejection(place.open().acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_STORE');
    expect(error.message).toContain('If-None-Match');
    expect(place.server.keys('')).toEqual([`${PREFIX}/conditions.txt`]);
  });

  const refusals: readonly (readonly [S3Fault, RegExp])[] = [
    [[403, 'AccessDenied'], /Allow these credentials s3:GetObject/],
    [[403, 'InvalidAccessKeyId'], /Check the credentials/],
    [[301, 'PermanentRedirect'], /set option region/],
    [[503, 'SlowDown'], /overloaded/],
    [[507, 'InsufficientStorage'], /storage is full/],
    [[501, 'NotImplemented'], /does not support/],
    ['drop', /slow or cut off/],
  ];
  test.each(refusals)('%j: what to do is told', async (fault, advice) => {
    const place = await s3Place(PREFIX);
    place.server.onRequest = () => fault;
    const error = await rejection(place.open({}, 1).acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_STORE');
    expect(error.message).toMatch(advice);
    expect(error.message).toContain(`s3://checkpoints/${PREFIX}`);
  });

  test('without the bucket says so; one that is not there is told to be looked for', async () => {
    const place = await s3Place(PREFIX);
    const missing = await rejection(place.open({ bucket: 'other' }).acquire());
    expect(missing.message).toContain('Create the bucket');
    await place.server.close();
    const absent = await rejection(place.open({}, 1).acquire());
    expect(absent.code).toBe('ERR_HOLDFAST_CHECKPOINT_STORE');
    expect(absent.message).toContain('Check option endpoint');
  });

  test('that never answers ends in an error', async () => {
    const place = await s3Place(PREFIX);
    place.server.onRequest = () => 'hang';
    const store = place.open({ requestTimeoutMs: 200 });
    const error = await rejection(store.acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_STORE');
    expect(error.message).toContain('longer than 200 ms');
    await store.close();
  });

  test('that is slow is waited for', async () => {
    const place = await s3Place(PREFIX);
    place.server.onRequest = () => ({ delayMs: 20 });
    const store = place.open();
    await store.acquire();
    const part = await store.writePart(samplePart());
    await store.writeManifest(sampleManifest(1, [part]));
    expect(await store.readPart(part)).toHaveLength(3);
    await store.close();
  });

  test('that breaks answers off is asked again', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open();
    await store.acquire();
    const sections = [{ operator: 'a', name: 's', chunks: [bytesOf(200_000)] }];
    const part = await store.writePart(samplePart({ sections }));
    let broken = 0;
    place.server.onRequest = ({ kind, key }) => {
      if (kind !== 'GET' || !key.includes('/parts/') || broken === 2) return undefined;
      broken += 1;
      return 'break-off';
    };
    expect((await store.readPart(part))[0]!.bytes).toEqual(bytesOf(200_000));
    expect(broken).toBe(2);
    await store.close();
  });

  test('where a checkpoint cannot be written fails that checkpoint only', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open({}, 1);
    await store.acquire();
    const first = await store.writePart(samplePart());
    place.server.onRequest = ({ kind }) =>
      kind === 'PUT' ? [507, 'InsufficientStorage'] : undefined;
    const error = await rejection(store.writePart(samplePart({ instance: 1 })));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(error.message).toContain('free space');
    await store.discard([first]);
    expect(await place.partFiles()).toEqual([]);
    place.server.onRequest = () => undefined;
    const next = await store.writePart(samplePart({ checkpoint: 2 }));
    await store.writeManifest(sampleManifest(2, [next]));
    expect(await store.list()).toEqual([2]);
    await store.close();
  });
});

describe('a large part', () => {
  const SIZE = 20 * 1024 * 1024;
  const large = (checkpoint: number) =>
    samplePart({
      checkpoint,
      sections: [{ operator: 'a', name: 's', chunks: [bytesOf(SIZE)] }],
    });
  const isUpload = ({ kind }: S3Request) => ['CREATE', 'BLOCK', 'COMPLETE'].includes(kind);

  test('goes up in blocks and comes back in windows', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open();
    await store.acquire();
    const part = await store.writePart(large(1));
    expect(place.server.log.filter(isUpload).map(({ kind }) => kind)).toEqual([
      'CREATE',
      'BLOCK',
      'BLOCK',
      'BLOCK',
      'COMPLETE',
    ]);
    await store.writeManifest(sampleManifest(1, [part]));
    const [read] = await store.readPart(part);
    expect(Buffer.compare(read!.bytes, bytesOf(SIZE))).toBe(0);
    const gets = place.server.log.filter(({ kind, key }) => kind === 'GET' && key !== INDEX);
    expect(gets.length).toBeGreaterThan(3);
    place.server.damage(`${PREFIX}/parts/${part.file}`, (bytes) => {
      bytes[12_345_678]! ^= 1;
      return bytes;
    });
    const error = await rejection(store.readPart(part));
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      details: { check: 'CRC-32', expectedSha256: part.sha256 },
    });
    await store.close();
  });

  test.each(['CREATE', 'BLOCK', 'COMPLETE'])('whose %s fails leaves no upload', async (failing) => {
    const place = await s3Place(PREFIX);
    const store = place.open({}, 1);
    await store.acquire();
    let count = 0;
    place.server.onRequest = ({ kind }) => {
      if (kind !== failing) return undefined;
      count += 1;
      return failing === 'BLOCK' && count < 2 ? undefined : [503, 'SlowDown'];
    };
    const error = await rejection(store.writePart(large(1)));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(place.server.uploads.size).toBe(0);
    expect(await place.partFiles()).toEqual([]);
    await store.close();
  });

  test('whose last answer is lost is recognised', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open({}, 1);
    await store.acquire();
    place.server.onRequest = ({ kind }) => (kind === 'COMPLETE' ? 'lose-answer' : undefined);
    const part = await store.writePart(large(1));
    expect(await place.partFiles()).toEqual([part.file]);
    await store.close();
  });

  test('of a process that died is given up by the next sweep', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open({}, 1);
    await store.acquire();
    let isCut = false;
    place.server.onRequest = ({ kind }) => {
      isCut ||= kind === 'COMPLETE';
      return isCut ? 'drop' : undefined;
    };
    await rejection(store.writePart(large(1)));
    await store.close();
    expect(place.server.uploads.size).toBe(1);
    place.server.onRequest = () => undefined;
    const next = place.open();
    await next.acquire();
    const part = await next.writePart(samplePart({ checkpoint: 2 }));
    await next.writeManifest(sampleManifest(2, [part]));
    await next.prune(3);
    expect(place.server.uploads.size).toBe(0);
    await next.close();
  });
});
