/** What the golden files hold. */

import type { Compression } from '../../src/checkpoint/parts/compression.js';
import type { Manifest, PartDescriptor, PartInput } from '../../src/checkpoint/store.js';

export const PART_FILES = [
  'c0000000012-e3-count-i0-n0-00112233445566ff.part',
  'c0000000012-e3-count-i1-n4-0123456789abcdef.part',
] as const;

const counting = (length: number, from: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (from + index * 7) & 0xff);

export function goldenParts(): readonly PartInput[] {
  return [0, 1].map((instance) => ({
    job: 'golden-job',
    checkpoint: 12,
    vertex: 'count',
    instance,
    epoch: 3,
    incarnation: instance * 4,
    sections: [
      { operator: 'count', name: 'state', chunks: [counting(100, instance), counting(99, 5)] },
      { operator: 'count', name: 'timers', chunks: [] },
      { operator: 'Senke → Größe', name: 'pending', chunks: [counting(3, 250)] },
    ],
  }));
}

/** In chunks of 256 bytes: three that get smaller, and one that does not. */
export function goldenCompressed(compression: Compression): PartInput {
  return {
    ...goldenParts()[0]!,
    compression,
    sections: [
      {
        operator: 'count',
        name: 'state',
        chunks: [Uint8Array.from({ length: 768 }, (_, at) => at % 10)],
      },
      { operator: 'count', name: 'timers', chunks: [] },
      { operator: 'Senke → Größe', name: 'pending', chunks: [counting(40, 250)] },
    ],
  };
}

export function goldenManifest(parts: readonly PartDescriptor[]): Manifest {
  return {
    format: 1,
    job: 'golden-job',
    run: 'golden',
    checkpoint: 12,
    epoch: 3,
    createdAtMs: 1_700_000_000_000,
    graphHash: '9f2c',
    keyGroups: 8,
    mode: 'exactly-once',
    final: true,
    operators: [
      { id: 'count', type: 'count', stateful: true, parallelism: 2, vertex: 'count' },
      { id: 'Senke → Größe', type: 'sink', stateful: true, parallelism: 2, vertex: 'count' },
    ],
    tables: { 2: [0, 1, 0, 1, 0, 1, 0, 1] },
    parts,
    transactions: [
      {
        operator: 'Senke → Größe',
        instance: 1,
        transaction: { staged: 'x', rows: 3, nested: [null] },
      },
    ],
    sourceRecords: { 'numbers/0': 21, 'numbers/1': 21 },
    holdfast: '0.1.0',
    node: 'v20.20.2',
  };
}

/** Of format 2: one part over three checkpoints, in full and changed twice. */
export const CHAIN_FILES = [
  'c0000000012-e3-count-i0-n0-00112233445566aa.part',
  'c0000000013-e3-count-i0-n0-00112233445566bb.part',
  'c0000000014-e4-count-i0-n1-00112233445566cc.part',
] as const;

export function goldenChain(): readonly PartInput[] {
  return CHAIN_FILES.map((_, at) => ({
    job: 'golden-job',
    checkpoint: 12 + at,
    vertex: 'count',
    instance: 0,
    epoch: at === 2 ? 4 : 3,
    incarnation: at === 2 ? 1 : 0,
    sections: [
      { operator: 'count', name: '~task', chunks: [counting(8, at)] },
      { operator: 'count', name: 'state', chunks: [counting(at === 0 ? 150 : 20, at * 3)] },
    ],
  }));
}
