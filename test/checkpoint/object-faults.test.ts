import { describe, expect, test } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import type { PartDescriptor } from '../../src/checkpoint/store.js';
import { type S3Place, s3Place } from './s3-place.js';
import type { S3Fault, S3Request } from './s3-server.js';
import { rejection, sampleManifest, samplePart } from './samples.js';

/** What a run was promised, to be compared with what is found afterwards. */
interface Promised {
  readonly completed: Set<number>;
  readonly released: Set<number>;
  readonly errors: unknown[];
  epoch: number;
  finished: boolean;
}

const nothingPromised = (): Promised => ({
  completed: new Set(),
  released: new Set(),
  errors: [],
  epoch: 0,
  finished: false,
});

const PREFIX = 'jobs/flights';
/** Every third request, from another one on for each fault: together they cover all of them. */
const STRIDE = 3;
/** Most of a life is waiting for answers that do not come, so several are lived at a time. */
const LIVES_AT_ONCE = 8;
/** One try per request: what fails is seen by the store. */
const ONCE = { requestTimeoutMs: 2_000 };

/** A driver's life: an epoch, three checkpoints of two parts, pruning, a rewind, at last a mark. */
async function live(place: S3Place, promised: Promised, firstId = 1): Promise<void> {
  const attempt = async (act: () => Promise<void>): Promise<boolean> => {
    try {
      await act();
      return true;
    } catch (error) {
      promised.errors.push(error);
      return false;
    }
  };
  const store = place.open(ONCE, 1);
  if (!(await attempt(() => store.acquire()))) {
    await store.close();
    return;
  }
  await attempt(async () => {
    const epoch = await store.nextEpoch();
    expect(epoch).toBeGreaterThan(promised.epoch);
    promised.epoch = epoch;
  });
  const { epoch } = promised;
  for (const checkpoint of [firstId, firstId + 1, firstId + 2]) {
    const written = await Promise.allSettled(
      [0, 1].map((instance) => store.writePart(samplePart({ checkpoint, instance, epoch }))),
    );
    const parts = written.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    const failed = written.find((one) => one.status === 'rejected');
    const isComplete = await attempt(async () => {
      if (failed !== undefined) throw failed.reason as Error;
      await store.writeManifest(sampleManifest(checkpoint, parts, { epoch }));
      promised.completed.add(checkpoint);
    });
    if (!isComplete) await store.discard(parts);
    const ids = [...promised.completed].sort((a, b) => b - a);
    for (const id of ids.slice(2)) promised.released.add(id);
    await attempt(() => store.prune(2));
    if (checkpoint === firstId + 1) {
      promised.released.add(checkpoint);
      await attempt(() => store.rewind(firstId));
    }
  }
  await attempt(async () => {
    await store.markFinished({ run: 'r', checkpoint: firstId, result: {} });
    promised.finished = true;
  });
  await store.close();
}

/** Opens what is left and holds it against the promises. */
async function audit(place: S3Place, promised: Promised): Promise<void> {
  const store = place.open();
  await store.acquire();
  const ids = await store.list();
  for (const id of promised.completed) {
    if (!promised.released.has(id)) expect(ids).toContain(id);
  }
  for (const id of ids) {
    const manifest = await store.readManifest(id);
    expect(manifest.parts).toHaveLength(2);
    for (const part of manifest.parts) expect(await store.readPart(part)).toHaveLength(3);
  }
  if (promised.epoch > 0) expect(await store.nextEpoch()).toBeGreaterThan(promised.epoch);
  if (promised.finished) expect(await store.readFinished()).toBeDefined();
  await store.close();
}

/** Calls `act` with every third request's number, several at a time. */
async function atEveryThird(
  start: number,
  total: number,
  act: (at: number) => Promise<void>,
): Promise<void> {
  let next = start;
  const work = async () => {
    for (let at = next; at < total; at = next) {
      next += STRIDE;
      await act(at);
    }
  };
  await Promise.all(Array.from({ length: LIVES_AT_ONCE }, work));
}

async function requestsOfALife(): Promise<number> {
  const place = await s3Place(PREFIX);
  const promised = nothingPromised();
  await live(place, promised);
  expect(promised.errors).toEqual([]);
  expect(promised.completed.size).toBe(3);
  await audit(place, promised);
  return place.server.log.length;
}

describe('object store when the process is cut off', () => {
  const cuts = [
    ['drop', 0],
    ['lose-answer', 1],
    ['late', 2],
  ] as const;
  test.each(cuts)(
    'wherever it is (%s): what was promised is there, what is listed is whole',
    async (first, start) => {
      const total = await requestsOfALife();
      expect(total).toBeGreaterThan(25);
      await atEveryThird(start, total, async (at) => {
        const place = await s3Place(PREFIX);
        const promised = nothingPromised();
        let count = 0;
        place.server.onRequest = () => {
          count += 1;
          return count <= at ? undefined : count === at + 1 ? first : 'drop';
        };
        await live(place, promised);
        place.server.onRequest = () => undefined;
        for (const error of promised.errors) expect(isHoldfastError(error)).toBe(true);
        await audit(place, promised);
        // What was on its way arrives when another run has the store: in vain, or as an orphan.
        const before = place.server.objects.get(`${PREFIX}/index.json`)?.tag;
        place.server.release();
        expect(place.server.objects.get(`${PREFIX}/index.json`)?.tag).toBe(before);
        await audit(place, promised);
        await place.end();
      });
    },
    120_000,
  );
});

describe('object store when one request fails', () => {
  const faults: readonly (readonly [string, S3Fault, number])[] = [
    ['no connection', 'drop', 0],
    ['an answer that is lost', 'lose-answer', 1],
    ['a request that is applied much later', 'late', 2],
    ['an answer that breaks off', 'break-off', 0],
    ['an overloaded service', [503, 'SlowDown'], 1],
    ['a full disk', [507, 'InsufficientStorage'], 2],
  ];
  test.each(faults)(
    '%s: a typed error or none, and the next run is as good as new',
    async (_, fault, start) => {
      const total = await requestsOfALife();
      await atEveryThird(start, total, async (at) => {
        const place = await s3Place(PREFIX);
        const promised = nothingPromised();
        let count = 0;
        place.server.onRequest = () => {
          count += 1;
          return count === at + 1 ? fault : undefined;
        };
        await live(place, promised);
        place.server.onRequest = () => undefined;
        for (const error of promised.errors) {
          if (!isHoldfastError(error)) throw error;
          expect(error.code).toMatch(/^ERR_HOLDFAST_CHECKPOINT_(FAILED|STORE|DIRECTORY)$/);
          expect(error.message).toContain(`s3://checkpoints/${PREFIX}`);
        }
        expect(promised.errors.length).toBeLessThanOrEqual(2);
        await audit(place, promised);
        const again = nothingPromised();
        again.epoch = promised.epoch;
        await live(place, again, 11);
        expect(again.errors).toEqual([]);
        place.server.release();
        await audit(place, again);
        // Nothing stays for ever but what arrived after the last sweep.
        if (fault !== 'late') {
          expect(await place.partFiles()).toHaveLength(4);
          expect(place.server.keys(`${PREFIX}/manifests/`)).toHaveLength(2);
          expect(place.server.uploads.size).toBe(0);
        }
        await place.end();
      });
    },
    120_000,
  );
});

describe('an answer that got lost', () => {
  const kinds: readonly (readonly [string, (request: S3Request) => boolean])[] = [
    ['of a part', ({ kind, key }) => kind === 'PUT' && key.includes('/parts/')],
    ['of a manifest', ({ kind, key }) => kind === 'PUT' && key.includes('/manifests/')],
    ['of the index', ({ kind, key }) => kind === 'PUT' && key.endsWith('/index.json')],
    ['of a removal', ({ kind }) => kind === 'DELETE'],
  ];
  // With one try the store looks; with two the library tries again, and is refused its own write.
  test.each(kinds.flatMap((kind) => [1, 2].map((tries) => [...kind, tries] as const)))(
    '%s is found out to have been a success (%#)',
    async (_, matches, tries) => {
      const place = await s3Place(PREFIX);
      const store = place.open({}, tries);
      await store.acquire();
      const lost: string[] = [];
      place.server.onRequest = (request) => {
        if (lost.length > 0 || !matches(request)) return undefined;
        lost.push(request.key);
        return 'lose-answer';
      };
      for (const checkpoint of [1, 2]) {
        const part = await store.writePart(samplePart({ checkpoint }));
        await store.writeManifest(sampleManifest(checkpoint, [part]));
        await store.prune(1).catch((error: unknown) => {
          // Not worth looking: what is left is removed by the next sweep.
          expect([tries, isHoldfastError(error)]).toEqual([1, true]);
        });
      }
      await store.prune(1);
      expect(lost).toHaveLength(1);
      expect(await store.list()).toEqual([2]);
      expect(await place.partFiles()).toHaveLength(1);
      await store.close();
    },
  );

  test.each([1, 2])(
    'of taking the store is found out to have been a success (%d)',
    async (tries) => {
      const place = await s3Place(PREFIX);
      let puts = 0;
      place.server.onRequest = ({ kind, key }) => {
        if (kind !== 'PUT' || !key.endsWith('/index.json')) return undefined;
        puts += 1;
        return puts === 1 ? 'lose-answer' : undefined;
      };
      const store = place.open({}, tries);
      await store.acquire();
      expect(puts).toBe(tries);
      expect(await store.nextEpoch()).toBe(1);
      await store.close();
    },
  );

  test('and cannot be asked for: told as failed, undone by the next change, however late it is applied', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open({}, 1);
    await store.acquire();
    const part = await store.writePart(samplePart());
    let isDown = false;
    place.server.onRequest = ({ kind, key }) => {
      if (isDown) return 'drop';
      if (kind !== 'PUT' || !key.endsWith('/index.json')) return undefined;
      isDown = true;
      return 'late';
    };
    const error = await rejection(store.writeManifest(sampleManifest(1, [part])));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    place.server.onRequest = () => undefined;
    await store.discard([part]);
    expect(await place.partFiles()).toEqual([part.file]);
    const epoch = await store.nextEpoch();
    place.server.release();
    expect(await store.list()).toEqual([]);
    const outside = place.open();
    expect(await outside.list()).toEqual([]);
    expect(await store.nextEpoch()).toBe(epoch + 1);
    const next = await store.writePart(samplePart({ checkpoint: 2 }));
    await store.writeManifest(sampleManifest(2, [next]));
    await store.prune(1);
    expect(await place.partFiles()).toEqual([next.file]);
    await store.close();
    await outside.close();
  });

  test('and is applied before the process dies: the checkpoint is whole', async () => {
    const place = await s3Place(PREFIX);
    const store = place.open({}, 1);
    await store.acquire();
    const part = await store.writePart(samplePart());
    let isDown = false;
    place.server.onRequest = ({ kind, key }) => {
      if (isDown) return 'drop';
      if (kind !== 'PUT' || !key.endsWith('/index.json')) return undefined;
      isDown = true;
      return 'late';
    };
    await rejection(store.writeManifest(sampleManifest(1, [part])));
    await store.discard([part]);
    place.server.release();
    await store.close();
    place.server.onRequest = () => undefined;
    const next = place.open();
    await next.acquire();
    expect(await next.list()).toEqual([1]);
    expect(await next.readPart((await next.readManifest(1)).parts[0]!)).toHaveLength(3);
    await next.close();
  });
});

describe('what is stored', () => {
  async function stored(): Promise<{ place: S3Place; parts: readonly PartDescriptor[] }> {
    const place = await s3Place(PREFIX);
    const store = place.open();
    await store.acquire();
    const parts: PartDescriptor[] = [];
    for (const checkpoint of [1, 2]) {
      const part = await store.writePart(samplePart({ checkpoint }));
      await store.writeManifest(sampleManifest(checkpoint, [part]));
      parts.push(part);
    }
    await store.close();
    return { place, parts };
  }
  const flip = (bytes: Buffer) => {
    bytes[bytes.length - 20]! ^= 4;
    return bytes;
  };

  test('is written parts first, then the manifest, then the index', async () => {
    const { place } = await stored();
    const puts = place.server.log.filter(({ kind }) => kind === 'PUT').map(({ key }) => key);
    const order = puts.map((key) => /parts|manifests|index|conditions/.exec(key)![0]);
    const one = ['parts', 'manifests', 'index'];
    const probes = ['conditions', 'conditions', 'conditions'];
    expect(order).toEqual([...probes, 'index', ...one, ...one, 'index']);
  });

  test('with a flipped bit, cut short, or gone, is corrupt, with place and checksums', async () => {
    const { place, parts } = await stored();
    const [first, second] = parts as [PartDescriptor, PartDescriptor];
    place.server.damage(`${PREFIX}/parts/${first.file}`, flip);
    place.server.damage(`${PREFIX}/parts/${second.file}`, (bytes) => bytes.subarray(0, 60));
    const store = place.open();
    const flipped = await rejection(store.readPart(first));
    expect(flipped).toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      details: {
        file: `s3://checkpoints/${PREFIX}/parts/${first.file}`,
        check: 'CRC-32',
        expectedSha256: first.sha256,
      },
    });
    const torn = await rejection(store.readPart(second));
    expect(torn).toMatchObject({ details: { check: 'size in bytes', found: '60' } });
    place.server.objects.delete(`${PREFIX}/parts/${first.file}`);
    const gone = await rejection(store.readPart(first));
    expect(gone.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(gone.message).toContain('no file');
    await store.close();
  });

  test('in a manifest is verified, and a damaged one stops the sweep', async () => {
    const { place } = await stored();
    const [older, newer] = place.server.keys(`${PREFIX}/manifests/`) as [string, string];
    place.server.damage(newer, flip);
    const store = place.open();
    await store.acquire();
    expect((await store.readManifest(1)).checkpoint).toBe(1);
    const error = await rejection(store.readManifest(2));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(error.message).toContain(newer);
    const before = await place.partFiles();
    expect((await rejection(store.prune(2))).code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(await place.partFiles()).toEqual(before);
    place.server.objects.delete(older);
    expect((await rejection(store.readManifest(1))).message).toContain('no object');
    await store.close();
  });

  test('in a damaged or missing index stops everything, and changes nothing', async () => {
    const { place } = await stored();
    const key = `${PREFIX}/index.json`;
    const index = place.server.objects.get(key)!;
    place.server.damage(key, flip);
    const store = place.open();
    for (const attempt of [() => store.acquire(), () => store.list()]) {
      const error = await rejection(attempt());
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
      expect(error.message).toContain('earlier version of that object');
    }
    place.server.objects.delete(key);
    const error = await rejection(store.acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(error.message).toContain('is missing');
    expect(place.server.objects.has(key)).toBe(false);
    place.server.objects.set(key, { ...index, bytes: flip(Buffer.from(index.bytes)) });
    await store.close();
  });

  test('is found however old the listings are', async () => {
    const { place } = await stored();
    place.server.freezeListings();
    const store = place.open();
    await store.acquire();
    const part = await store.writePart(samplePart({ checkpoint: 3 }));
    await store.writeManifest(sampleManifest(3, [part]));
    await store.prune(2);
    expect(await store.list()).toEqual([3, 2]);
    await store.close();
    const next = place.open();
    await next.acquire();
    expect(await next.list()).toEqual([3, 2]);
    for (const id of [3, 2]) {
      for (const one of (await next.readManifest(id)).parts) await next.readPart(one);
    }
    // Removing what a listing still shows is no error.
    await next.prune(1);
    await next.prune(1);
    expect(await place.partFiles()).toEqual([part.file]);
    await next.close();
  });
});
