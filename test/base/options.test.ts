import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import { nearestName } from '../../src/base/option-checks.js';
import type { CheckpointStore } from '../../src/checkpoint/store.js';
import type { RunOptions } from '../../src/job/job-types.js';
import { resolveOptions } from '../../src/job/options.js';
import { exponentialBackoff, noRestart } from '../../src/supervisor/restart-strategy.js';

const nothing = () => {};
const store = Object.fromEntries(
  [
    ...['acquire', 'nextEpoch', 'writePart', 'writeManifest', 'list', 'readManifest', 'readPart'],
    ...['discard', 'prune', 'rewind', 'markFinished', 'readFinished', 'clear', 'close'],
  ].map((name) => [name, nothing]),
) as unknown as CheckpointStore;
const logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function refusal(options: unknown): string {
  try {
    resolveOptions(options as RunOptions);
  } catch (error) {
    if (isHoldfastError(error, 'ERR_HOLDFAST_BAD_OPTION')) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('options', () => {
  const defaults = {
    parallelism: availableParallelism(),
    keyGroups: 1_024,
    records: 'checked',
    checkpoint: {
      directory: undefined,
      store: undefined,
      intervalMs: 1_000,
      timeoutMs: 600_000,
      minPauseMs: 0,
      maxConcurrent: 1,
      retain: 3,
      tolerableFailures: 0,
      mode: 'exactly-once',
      alignedTimeoutMs: 1_000,
      incremental: false,
      compression: undefined,
    },
    restore: { kind: 'latest' },
    allowDropped: [],
    restart: noRestart(),
    supervision: { groups: [] },
    spares: 1,
    maxOpenSplits: 64,
    heartbeat: { intervalMs: 100, timeoutMs: 1_000, busyLimitMs: undefined },
    channel: { capacityBytes: 1_048_576, bufferTimeoutMs: 5 },
    slot: {
      resourceLimits: {},
      heap: { reportAt: 0.85, restartAt: undefined },
      scavenging: 'auto',
    },
    args: {},
    codecs: [],
    signal: undefined,
    logger: undefined,
    print: expect.any(Function),
  };

  it('have the defaults that are documented', () => {
    expect(resolveOptions({})).toEqual(defaults);
    expect(resolveOptions()).toEqual(defaults);
  });

  it('know how long barriers wait', () => {
    const waits = (alignment: 'aligned' | 'unaligned' | { alignedTimeoutMs: number }) =>
      resolveOptions({ checkpoint: { directory: 'x', alignment } }).checkpoint.alignedTimeoutMs;
    expect(waits('aligned')).toBe(Number.POSITIVE_INFINITY);
    expect(waits('unaligned')).toBe(0);
    expect(waits({ alignedTimeoutMs: 250 })).toBe(250);
    for (const more of [{ mode: 'at-least-once' }, { maxConcurrent: 2 }] as const) {
      for (const alignment of ['aligned', undefined] as const) {
        const checkpoint = { directory: 'x', alignment, ...more };
        const { alignedTimeoutMs } = resolveOptions({ checkpoint }).checkpoint;
        expect(alignedTimeoutMs).toBe(Number.POSITIVE_INFINITY);
      }
    }
  });

  it('an explicit undefined is an option not given', () => {
    const explicit: RunOptions = {
      parallelism: undefined,
      keyGroups: undefined,
      checkpoint: { directory: undefined, store: undefined, intervalMs: undefined },
      restore: undefined,
      allowDropped: undefined,
      restart: undefined,
      spares: undefined,
      maxOpenSplits: undefined,
      heartbeat: { intervalMs: undefined, timeoutMs: undefined, busyLimitMs: undefined },
      channel: { capacityBytes: undefined, bufferTimeoutMs: undefined },
      slot: { resourceLimits: undefined },
      args: undefined,
      signal: undefined,
      logger: undefined,
      print: undefined,
    };
    expect(resolveOptions(explicit)).toEqual(defaults);
    expect(
      resolveOptions({ checkpoint: undefined, heartbeat: undefined, slot: undefined }),
    ).toEqual(defaults);
  });

  it('are taken as given', () => {
    const { signal } = new AbortController();
    const given = {
      parallelism: 3,
      keyGroups: 3,
      checkpoint: { store, intervalMs: 10, timeoutMs: 10, minPauseMs: 1, retain: 2 },
      restore: '17',
      allowDropped: ['old', 'totals#worst'],
      spares: 0,
      heartbeat: { intervalMs: 20, timeoutMs: 40, busyLimitMs: 40 },
      channel: { capacityBytes: 1_024, bufferTimeoutMs: 0 },
      slot: {
        resourceLimits: { maxOldGenerationSizeMb: 64 },
        heap: { reportAt: 0.2, restartAt: 1 },
        scavenging: 'parallel' as const,
      },
      args: { file: 'x', list: [1, new Date(0)] },
      signal,
      logger,
      print: nothing,
    };
    expect(resolveOptions(given)).toEqual({
      ...defaults,
      ...given,
      checkpoint: { ...defaults.checkpoint, ...given.checkpoint },
      restore: { kind: 'checkpoint', checkpoint: 17 },
      allowDropped: ['old', 'totals#worst'],
      restart: exponentialBackoff(),
      // Wrapped, so that it cannot throw.
      logger: Object.fromEntries(Object.keys(logger).map((level) => [level, expect.any(Function)])),
    });
    expect(resolveOptions(given).signal).toBe(signal);
    expect(resolveOptions(given).checkpoint.store).toBe(store);
  });

  it('builds checkpoints on others by default only in a directory', () => {
    const incremental = (checkpoint: RunOptions['checkpoint']) =>
      resolveOptions({ checkpoint }).checkpoint.incremental;
    expect(incremental({ directory: 'x' })).toBe(true);
    expect(incremental({ directory: 'x', incremental: false })).toBe(false);
    expect(incremental({ store })).toBe(false);
    expect(incremental({ store, incremental: true })).toBe(true);
    expect(refusal({ checkpoint: { directory: 'x', incremental: 'yes' } })).toContain(
      'checkpoint.incremental',
    );
  });

  it('compresses when it is told how', () => {
    const compression = (given: 'none' | 'gzip' | 'brotli' | undefined) =>
      resolveOptions({ checkpoint: { directory: 'x', compression: given } }).checkpoint.compression;
    expect([undefined, 'none', 'gzip', 'brotli'].map((one) => compression(one as 'gzip'))).toEqual([
      undefined,
      undefined,
      'gzip',
      'brotli',
    ]);
    expect(refusal({ checkpoint: { directory: 'x', compression: 'zstd' } })).toContain(
      'checkpoint.compression',
    );
  });

  it('restarts by default only what has checkpoints to restart from', () => {
    expect(resolveOptions({ checkpoint: { directory: 'x' } }).restart).toEqual(
      exponentialBackoff(),
    );
    expect(resolveOptions({ restart: exponentialBackoff({ maxAttempts: 3 }) }).restart).toEqual(
      exponentialBackoff({ maxAttempts: 3 }),
    );
  });

  it('the default timeout follows a slow beat', () => {
    expect(resolveOptions({ heartbeat: { intervalMs: 2_000 } }).heartbeat.timeoutMs).toBe(4_000);
  });

  it('a heap is reported no later than its thread is restarted', () => {
    const heapOf = (heap: RunOptions['slot']) =>
      resolveOptions({ checkpoint: { directory: 'x' }, slot: heap }).slot.heap;
    expect(heapOf({ heap: { restartAt: 0.7 } })).toEqual({ reportAt: 0.7, restartAt: 0.7 });
    expect(heapOf({ heap: { restartAt: 0.9 } })).toEqual({ reportAt: 0.85, restartAt: 0.9 });
    expect(heapOf({ heap: { reportAt: 0.5 } })).toEqual({ reportAt: 0.5, restartAt: undefined });
  });

  it('arguments are copied: what happens to the object later reaches no thread', () => {
    const args = { list: [1] };
    const resolved = resolveOptions({ args });
    args.list.push(2);
    expect(resolved.args).toEqual({ list: [1] });
  });

  it.each<[string, unknown, string[]]>([
    ['options that are no object', 5, ['5', 'an object']],
    ['parallelism 0', { parallelism: 0 }, ['parallelism', '0', 'from 1 to 32768']],
    ['half a slot', { parallelism: 1.5 }, ['parallelism', '1.5', 'whole number']],
    ['parallelism as text', { parallelism: '2' }, ['parallelism', "'2'"]],
    ['parallelism null', { parallelism: null }, ['parallelism', 'null']],
    ['parallelism NaN', { parallelism: Number.NaN }, ['parallelism', 'NaN']],
    ['endless slots', { parallelism: Infinity }, ['parallelism', 'Infinity']],
    ['too many key groups', { keyGroups: 32_769 }, ['keyGroups', '32769', '32768']],
    [
      'fewer key groups than slots',
      { keyGroups: 3, parallelism: 4 },
      ['keyGroups', '3', 'at least parallelism (4)'],
    ],
    ['checkpoint as text', { checkpoint: './x' }, ['checkpoint', "'./x'", 'an object']],
    ['an empty directory', { checkpoint: { directory: '' } }, ['checkpoint.directory', "''"]],
    ['a directory as URL', { checkpoint: { directory: new URL('file:///x') } }, ['path']],
    [
      'directory and store',
      { checkpoint: { directory: 'x', store } },
      ['checkpoint.store', 'checkpoint.directory', 'choose one'],
    ],
    [
      'checkpoint options without a place',
      { checkpoint: { intervalMs: 100 } },
      ['checkpoint.directory', 'undefined', 'checkpoint.store'],
    ],
    [
      'a store that lacks methods',
      { checkpoint: { store: { ...store, prune: 1, close: undefined } } },
      ['checkpoint.store', 'missing: prune, close'],
    ],
    ['no interval', { checkpoint: { directory: 'x', intervalMs: 9 } }, ['intervalMs', '9', '10']],
    [
      'an interval beyond timers',
      { checkpoint: { directory: 'x', intervalMs: 2 ** 31 } },
      ['checkpoint.intervalMs', '2147483648', '2147483647'],
    ],
    ['no time', { checkpoint: { directory: 'x', timeoutMs: 0 } }, ['checkpoint.timeoutMs']],
    [
      'a negative pause',
      { checkpoint: { directory: 'x', minPauseMs: -1 } },
      ['checkpoint.minPauseMs', '-1'],
    ],
    [
      'one retained',
      { checkpoint: { directory: 'x', retain: 1 } },
      ['checkpoint.retain', '1', '2'],
    ],
    [
      'negative failures',
      { checkpoint: { directory: 'x', tolerableFailures: -1 } },
      ['checkpoint.tolerableFailures', '-1', 'or Infinity'],
    ],
    [
      'an unknown mode',
      { checkpoint: { directory: 'x', mode: 'at-most-once' } },
      ['checkpoint.mode', "'at-most-once'", "'exactly-once' or 'at-least-once'"],
    ],
    [
      'an unknown alignment',
      { checkpoint: { directory: 'x', alignment: 'loose' } },
      ['checkpoint.alignment', "'loose'", "'aligned', 'unaligned', or { alignedTimeoutMs }"],
    ],
    [
      'an alignment without its time',
      { checkpoint: { directory: 'x', alignment: {} } },
      ['checkpoint.alignment.alignedTimeoutMs', 'milliseconds'],
    ],
    [
      'an alignment of negative time',
      { checkpoint: { directory: 'x', alignment: { alignedTimeoutMs: -1 } } },
      ['checkpoint.alignment.alignedTimeoutMs', '-1', '0'],
    ],
    [
      'barriers that overtake where none is waited for',
      { checkpoint: { directory: 'x', mode: 'at-least-once', alignment: 'unaligned' } },
      ['checkpoint.alignment', "'unaligned'", "'at-least-once'"],
    ],
    [
      'none in flight',
      { checkpoint: { directory: 'x', maxConcurrent: 0 } },
      ['checkpoint.maxConcurrent', '0', '1', '8'],
    ],
    [
      'nine in flight',
      { checkpoint: { directory: 'x', maxConcurrent: 9 } },
      ['checkpoint.maxConcurrent', '9', '1', '8'],
    ],
    [
      'overlapping checkpoints that wait for no barrier',
      { checkpoint: { directory: 'x', maxConcurrent: 2, mode: 'at-least-once' } },
      ['checkpoint.maxConcurrent', '2', "1 beside checkpoint.mode 'at-least-once'"],
    ],
    [
      'overlapping checkpoints that overtake',
      { checkpoint: { directory: 'x', maxConcurrent: 2, alignment: 'unaligned' } },
      ['checkpoint.maxConcurrent', '2', "checkpoint.alignment other than 'aligned'"],
    ],
    [
      'overlapping checkpoints that overtake late',
      { checkpoint: { directory: 'x', maxConcurrent: 8, alignment: { alignedTimeoutMs: 9 } } },
      ['checkpoint.maxConcurrent', '8', "checkpoint.alignment other than 'aligned'"],
    ],
    [
      'overlapping checkpoints with a pause between them',
      { checkpoint: { directory: 'x', maxConcurrent: 2, minPauseMs: 1 } },
      ['checkpoint.maxConcurrent', '2', 'checkpoint.minPauseMs above 0'],
    ],
    ['a restore of nothing', { restore: '' }, ['restore', "''", "'latest'"]],
    ['an allowance that is no list', { allowDropped: 'old' }, ['allowDropped', "'old'", 'list']],
    ['an allowance of nothing', { allowDropped: [''] }, ['allowDropped', 'list']],
    ['a restore that is a number', { restore: 3 }, ['restore', '3', 'as text']],
    ['a restore of 0', { restore: '0' }, ['restore', "'0'"]],
    ['a restore of 1e3', { restore: '1e3' }, ['restore', "'1e3'"]],
    ['a restore without a place', { restore: '3' }, ['restore', "'3'", 'checkpoint.directory']],
    ['a restart as text', { restart: 'always' }, ['restart', "'always'", 'fixedDelay()']],
    [
      'a restart with a bad number',
      { restart: { kind: 'fixed-delay', attempts: -1 } },
      ['restart.attempts', '-1'],
    ],
    ['no open splits', { maxOpenSplits: 0 }, ['maxOpenSplits', '0', '1', '65536']],
    ['negative spares', { spares: -1 }, ['spares', '-1', '64']],
    ['a beat of no time', { heartbeat: { intervalMs: 1 } }, ['heartbeat.intervalMs', '1', '10']],
    [
      'a timeout below two beats',
      { heartbeat: { intervalMs: 100, timeoutMs: 199 } },
      ['heartbeat.timeoutMs', '199', 'heartbeat.intervalMs (200)'],
    ],
    [
      'a busy limit below the timeout',
      { heartbeat: { busyLimitMs: 999 } },
      ['heartbeat.busyLimitMs', '999', 'heartbeat.timeoutMs (1000)'],
    ],
    ['a tiny ring', { channel: { capacityBytes: 100 } }, ['channel.capacityBytes', '100', '1024']],
    ['no number of ms', { channel: { bufferTimeoutMs: '5' } }, ['channel.bufferTimeoutMs', "'5'"]],
    [
      'an unknown way to scavenge',
      { slot: { scavenging: 'never' } },
      ['slot.scavenging', "'never'", "'serial'"],
    ],
    [
      'no heap',
      { slot: { resourceLimits: { maxOldGenerationSizeMb: 0 } } },
      ['slot.resourceLimits.maxOldGenerationSizeMb', '0', 'megabytes'],
    ],
    [
      'a full heap and more',
      { slot: { heap: { reportAt: 85 } } },
      ['slot.heap.reportAt', '85', '1'],
    ],
    [
      'a restart before the report',
      { checkpoint: { directory: 'x' }, slot: { heap: { reportAt: 0.9, restartAt: 0.8 } } },
      ['slot.heap.restartAt', '0.8', 'at least slot.heap.reportAt (0.9)'],
    ],
    [
      'a restart of a full thread that would lose the work',
      { restart: exponentialBackoff(), slot: { heap: { restartAt: 0.8 } } },
      ['slot.heap.restartAt', '0.8', 'checkpoint.directory'],
    ],
    [
      'a restart of a full thread that would end the job',
      {
        checkpoint: { directory: 'x' },
        restart: noRestart(),
        slot: { heap: { restartAt: 0.8 } },
      },
      ['slot.heap.restartAt', 'restart strategy'],
    ],
    [
      'an unknown limit',
      { slot: { resourceLimits: { maxOldGenerationSizeMB: 64, x: 1 } } },
      ['slot.resourceLimits.maxOldGenerationSizeMB', 'maxOldGenerationSizeMb?'],
    ],
    ['arguments as a list', { args: ['a'] }, ['args', '["a"]', 'structuredClone']],
    ['an argument that cannot be copied', { args: { f: nothing } }, ['args.f', 'a function']],
    ['a signal that is none', { signal: new AbortController() }, ['signal', 'an AbortSignal']],
    [
      'a logger without warn',
      { logger: { ...logger, warn: undefined } },
      ['logger', 'missing: warn'],
    ],
    ['a print that is no function', { print: true }, ['print', 'true', 'a function']],
    ['a misspelt option', { paralellism: 2 }, ['paralellism', 'did you mean parallelism?']],
    [
      'a misspelt inner option',
      { checkpoint: { directroy: 'x' } },
      ['checkpoint.directroy', 'did you mean checkpoint.directory?'],
    ],
    ['an option from nowhere', { quux: 1 }, ['option quux is not known; allowed are parallelism']],
  ])('refuse %s', (_, options, words) => {
    const message = refusal(options);
    for (const word of words) expect(message).toContain(word);
  });

  it('refusals carry the option as data', () => {
    try {
      resolveOptions({ checkpoint: { directory: 'x', retain: 1 } });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'ERR_HOLDFAST_BAD_OPTION',
        details: { option: 'checkpoint.retain', given: '1' },
      });
    }
  });

  it('names what was probably meant, and nothing else', () => {
    expect(nearestName('intervalms', ['timeoutMs', 'intervalMs'])).toBe('intervalMs');
    expect(nearestName('zzz', ['timeoutMs', 'intervalMs'])).toBeUndefined();
  });
});
