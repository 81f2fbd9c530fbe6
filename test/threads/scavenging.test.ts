import { describe, expect, it } from 'vitest';
import { scavengingFlag } from '../../src/threads/scavenging.js';

describe('how young objects are collected', () => {
  const auto = { scavenging: 'auto', slots: 2, cores: 2, nodeOptions: [] } as const;

  it('is left to each thread where slots take all cores, and else as it is', () => {
    expect(scavengingFlag(auto)).toBe('--no-parallel-scavenge');
    expect(scavengingFlag({ ...auto, slots: 3 })).toBe('--no-parallel-scavenge');
    expect(scavengingFlag({ ...auto, cores: 3 })).toBeUndefined();
  });

  it('is as Node was told', () => {
    for (const option of [
      '--parallel-scavenge',
      '--no-parallel-scavenge',
      '--no_parallel_scavenge',
      '--max-old-space-size=100 --single-threaded-gc',
    ]) {
      expect(scavengingFlag({ ...auto, nodeOptions: ['--enable-source-maps', option] })).toBe(
        undefined,
      );
    }
  });

  it('is as the job was told, whatever else', () => {
    const given = { ...auto, nodeOptions: ['--no-parallel-scavenge'] };
    expect(scavengingFlag({ ...given, scavenging: 'parallel' })).toBe('--parallel-scavenge');
    expect(scavengingFlag({ ...given, cores: 64, scavenging: 'serial' })).toBe(
      '--no-parallel-scavenge',
    );
  });
});
