/** Stores in a bucket of the test's own server. */

import { S3Client } from '@aws-sdk/client-s3';
import { afterEach } from 'vitest';
import { decodeIndex, encodeIndex } from '../../src/checkpoint/object-index.js';
import { type S3CheckpointsOptions, s3Checkpoints } from '../../src/checkpoint/s3.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import { S3Server } from './s3-server.js';

const running: { readonly server: S3Server; readonly clients: S3Client[] }[] = [];

afterEach(async () => {
  for (const { server, clients } of running.splice(0)) {
    for (const client of clients) client.destroy();
    await server.close();
  }
});

export interface S3Place {
  readonly server: S3Server;
  /** A store with a client that repeats once, and at once. */
  open(options?: Partial<S3CheckpointsOptions>): CheckpointStore;
  /** Names of the part objects. */
  partFiles(): Promise<readonly string[]>;
  /** As if the owner's process had died and its lease had run out. */
  abandon(): Promise<void>;
}

/** Ended after the test. */
export async function s3Place(prefix = 'jobs/flights'): Promise<S3Place> {
  const server = new S3Server();
  const endpoint = await server.listen();
  const clients: S3Client[] = [];
  running.push({ server, clients });
  return {
    server,
    open: (options = {}) => {
      const client = new S3Client({
        endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'a', secretAccessKey: 's' },
        forcePathStyle: true,
        maxAttempts: 2,
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
