/** Stores in a bucket of the test's own server. */

import { S3Client } from '@aws-sdk/client-s3';
import { afterEach } from 'vitest';
import { decodeIndex, encodeIndex } from '../../src/checkpoint/object/object-index.js';
import { type S3CheckpointsOptions, s3Checkpoints } from '../../src/checkpoint/object/s3.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { S3Server } from './s3-server.js';

const running = new Set<() => Promise<void>>();

afterEach(async () => {
  for (const end of [...running]) await end();
});

export interface S3Place {
  readonly server: S3Server;
  /** A store with a client that tries each request `tries` times, by default twice. */
  open(options?: Partial<S3CheckpointsOptions>, tries?: number): CheckpointStore;
  /** Names of the part objects. */
  partFiles(): Promise<readonly string[]>;
  /** As if the owner's process had died and its lease had run out. */
  abandon(): Promise<void>;
  /** Earlier than after the test. Idempotent. */
  end(): Promise<void>;
}

/** Ended after the test. */
export async function s3Place(prefix = 'jobs/flights'): Promise<S3Place> {
  const server = new S3Server();
  const endpoint = await server.listen();
  const clients: S3Client[] = [];
  const end = async () => {
    if (!running.delete(end)) return;
    for (const client of clients) client.destroy();
    await server.close();
  };
  running.add(end);
  return {
    server,
    end,
    open: (options = {}, tries = 2) => {
      const client = new S3Client({
        endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'a', secretAccessKey: 's' },
        forcePathStyle: true,
        maxAttempts: tries,
        requestHandler: { requestTimeout: 2_000, throwOnRequestTimeout: true },
      });
      clients.push(client);
      return s3Checkpoints({ bucket: server.bucket, prefix, client, ...options });
    },
    partFiles: async () =>
      server.keys(`${prefix}/parts/`).map((key) => key.slice(`${prefix}/parts/`.length)),
    abandon: async () => {
      const key = `${prefix}/index.json`;
      const { owner: _, ...rest } = decodeIndex(server.objects.get(key)!.bytes, key);
      server.replace(key, Buffer.from(encodeIndex({ ...rest, write: `abandoned ${rest.write}` })));
    },
  };
}
