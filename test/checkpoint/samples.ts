/** What the tests of this room write into stores. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Manifest, PartDescriptor, PartInput } from '../../src/checkpoint/store.js';

export function bytesOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

export function shared(bytes: Uint8Array): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(bytes.length));
  view.set(bytes);
  return view;
}

export function samplePart(overrides: Partial<PartInput> = {}): PartInput {
  return {
    job: 'flights',
    checkpoint: 1,
    vertex: 'count → sink/1',
    instance: 0,
    epoch: 1,
    incarnation: 0,
    sections: [
      { operator: 'count', name: 'state', chunks: [bytesOf(100), bytesOf(37, 5)] },
      { operator: 'count', name: 'timers', chunks: [] },
      { operator: 'sink', name: 'pending', chunks: [shared(bytesOf(11, 9))] },
    ],
    ...overrides,
  };
}

export function sampleManifest(
  checkpoint: number,
  parts: readonly PartDescriptor[] = [],
  overrides: Partial<Manifest> = {},
): Manifest {
  return {
    format: 1,
    job: 'flights',
    run: 'run-1',
    checkpoint,
    epoch: 1,
    createdAtMs: 1_700_000_000_000,
    graphHash: 'abc',
    keyGroups: 4,
    mode: 'exactly-once',
    final: false,
    operators: [
      { id: 'count', type: 'count', stateful: true, parallelism: 2, vertex: 'count → sink/1' },
      { id: 'sink', type: 'sink', stateful: true, parallelism: 2, vertex: 'count → sink/1' },
    ],
    tables: { 2: [0, 1, 0, 1] },
    parts,
    transactions: [{ operator: 'sink', instance: 0, transaction: { file: 'staged-1', rows: 3 } }],
    sourceRecords: { 'source/0': 17 },
    holdfast: '0.1.0',
    node: 'v20.20.2',
    ...overrides,
  };
}

const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) {
    await rm(directory, { recursive: true, force: true });
  }
});

/** Removed after the test. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-checkpoints-'));
  directories.push(directory);
  return directory;
}

/** The rejection, or a failure of the test. */
export async function rejection(work: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await work;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it did not reject');
}
