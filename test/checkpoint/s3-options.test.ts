import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { type S3CheckpointsOptions, s3Checkpoints } from '../../src/checkpoint/object/s3.js';
import { loadS3Library } from '../../src/checkpoint/object/s3-library.js';
import { s3Place } from './s3-place.js';
import { rejection } from './samples.js';

const notFound = Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });

describe('options of s3Checkpoints', () => {
  const wrong: readonly (readonly [string, Partial<Record<string, unknown>>, RegExp])[] = [
    ['no bucket', { bucket: undefined }, /s3Checkpoints\.bucket.*name of a bucket/],
    ['a prefix with an empty name', { prefix: 'a//b' }, /prefix.*joined by single slashes/],
    ['a prefix that climbs', { prefix: 'a/../b' }, /prefix/],
    ['a prefix too long', { prefix: 'ü'.repeat(400) }, /768 bytes/],
    [
      'an unknown option',
      { buckets: 'b' },
      /buckets is not known; did you mean s3Checkpoints.bucket/,
    ],
    ['an endpoint without a protocol', { endpoint: 'localhost:9000' }, /https:\/\/ or http:\/\//],
    ['a lease too short', { leaseMs: 10 }, /leaseMs.*from 1000 to 600000/],
    ['a client that is none', { client: {} }, /client.*an S3Client/],
    ['a client and a region', { client: { send: async () => {} }, region: 'r' }, /region.*beside/],
  ];
  test.each(wrong)('%s is refused by name', (_, given, expected) => {
    const options = { bucket: 'b', ...given } as unknown as S3CheckpointsOptions;
    expect(() => s3Checkpoints(options)).toThrow(expected);
  });

  test('location names bucket and prefix', () => {
    expect(s3Checkpoints({ bucket: 'b' }).location).toBe('s3://b');
    expect(s3Checkpoints({ bucket: 'b', prefix: '/a/c/' }).location).toBe('s3://b/a/c');
  });

  test('a client of the library fits as it is', () => {
    const client = new S3Client({ region: 'eu-central-1' });
    expect(s3Checkpoints({ bucket: 'b', client }).location).toBe('s3://b');
    client.destroy();
  });

  test('makes a client of its own from endpoint and credentials', async () => {
    const { server } = await s3Place();
    const store = s3Checkpoints({
      bucket: server.bucket,
      endpoint: server.endpoint,
      credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    });
    await store.acquire();
    expect(await store.nextEpoch()).toBe(1);
    await store.close();
    expect(server.keys('')).toEqual(['conditions.txt', 'index.json']);
  });

  test('a missing package is told with the command that installs it', async () => {
    const error = await rejection(loadS3Library(() => Promise.reject(notFound)));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_STORE');
    expect(error.message).toContain('npm install @aws-sdk/client-s3');
    const old = await rejection(loadS3Library(async () => ({ S3Client })));
    expect(old.message).toContain('GetObjectCommand');
  });
});
