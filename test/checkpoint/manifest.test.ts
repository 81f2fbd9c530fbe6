import { describe, expect, test } from 'vitest';
import {
  decodeFinished,
  decodeManifest,
  encodeFinished,
  encodeManifest,
  filesNamed,
  manifestProblem,
} from '../../src/checkpoint/manifest.js';
import { seal, unseal } from '../../src/checkpoint/sealed-json.js';
import type { PartDescriptor } from '../../src/checkpoint/store.js';
import { sampleManifest } from './samples.js';

const PART: PartDescriptor = {
  file: 'c0000000001-e1-x-i0-n0-0123456789abcdef.part',
  bytes: 10,
  sha256: 'ab'.repeat(32),
  vertex: 'x',
  instance: 0,
  sections: [{ operator: 'x', name: 's', bytes: 3 }],
};

const EARLIER: PartDescriptor = { ...PART, file: 'c0000000000-earlier.part' };

const withDelta = (delta: unknown) => ({
  ...PART,
  sections: [{ operator: 'x', name: 's', bytes: 3, delta }],
});

function thrown(act: () => unknown): Error & Record<string, unknown> {
  try {
    act();
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it did not throw');
}

describe('manifest', () => {
  test('comes back as it was, from a file that is JSON as a whole', () => {
    const manifest = sampleManifest(7, [PART]);
    const bytes = encodeManifest(manifest);
    expect(decodeManifest(bytes, 'm')).toEqual(manifest);
    const whole = JSON.parse(Buffer.from(bytes).toString()) as { content: unknown };
    expect(whole.content).toEqual(manifest);
  });

  test('of an operator with state every instance has a section of it: one that is missing is no empty state', () => {
    const states = [{ section: 's', layout: 'numbers' }];
    const operator = {
      id: 'x',
      type: 'count',
      stateful: true,
      parallelism: 2,
      vertex: 'x',
      states,
    };
    const other = { ...PART, file: 'c0000000001-other.part', instance: 1 };
    const problemOf = (...parts: PartDescriptor[]) =>
      manifestProblem(sampleManifest(7, parts, { operators: [operator] }));
    expect(problemOf(PART, other)).toBeUndefined();
    expect(problemOf(PART)).toBe("no part has the state 's' of operator 'x', instance 1");
    expect(problemOf(PART, { ...other, sections: [] })).toContain("the state 's' of operator 'x'");
    const bytes = seal('manifest', sampleManifest(7, [PART], { operators: [operator] }));
    expect(thrown(() => decodeManifest(bytes, 'm'))).toMatchObject({
      code: 'ERR_HOLDFAST_CHECKPOINT_FORMAT',
      message: expect.stringContaining('instance 1'),
    });
  });

  test('comes back with the files that its parts build on', () => {
    const part = { ...withDelta(true), earlier: [EARLIER] } as PartDescriptor;
    const manifest = sampleManifest(7, [part], { format: 2 });
    expect(decodeManifest(encodeManifest(manifest), 'm')).toEqual(manifest);
    expect([...filesNamed(manifest)]).toEqual([EARLIER.file, PART.file]);
  });

  test('every damaged byte and every shortened file is found', () => {
    const bytes = encodeManifest(sampleManifest(7, [PART]));
    for (let at = 0; at < bytes.length; at += 1) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 1 << (at % 8);
      const error = thrown(() => decodeManifest(damaged, '/d/m.json'));
      // One flipped bit in the format's own number reads as another format.
      const codes = ['ERR_HOLDFAST_CHECKPOINT_CORRUPT', 'ERR_HOLDFAST_CHECKPOINT_FORMAT'];
      expect(codes.slice(0, at === 10 ? 2 : 1)).toContain(error.code);
      expect(error.message).toContain('/d/m.json');
      const cut = thrown(() => decodeManifest(bytes.subarray(0, at), 'm'));
      expect(cut.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    }
    const longer = Buffer.concat([bytes, Buffer.from('x')]);
    expect(thrown(() => decodeManifest(longer, 'm')).code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
  });

  test('names both checksums of a changed content', () => {
    const text = Buffer.from(encodeManifest(sampleManifest(7))).toString();
    const changed = Buffer.from(text.replace('"run-1"', '"run-2"'));
    const error = thrown(() => decodeManifest(changed, 'm.json'));
    const { expected, found } = error.details as { expected: string; found: string };
    expect(expected).toMatch(/^[0-9a-f]{64}$/);
    expect(found).toMatch(/^[0-9a-f]{64}$/);
    expect(error.message).toContain(expected);
    expect(error.message).toContain(found);
  });

  test.each([
    ['format', { format: 3 }, 'format is 3; it should be 1 or 2'],
    ['job', { job: 3 }, 'job is 3; it should be a text'],
    ['run', { run: '' }, 'run is ""'],
    ['checkpoint', { checkpoint: 0 }, 'checkpoint is 0; it should be a whole number from 1'],
    ['epoch', { epoch: 1.5 }, 'epoch is 1.5'],
    ['mode', { mode: 'at-most-once' }, '"exactly-once" or "at-least-once"'],
    ['final', { final: 'yes' }, 'final is "yes"; it should be true or false'],
    ['operators', { operators: {} }, 'operators is {}; it should be an array'],
    ['an operator', { operators: [{ id: 'a' }] }, 'operators.[0].type is missing'],
    ['tables', { tables: [] }, 'tables is []; it should be an object'],
    ['a short table', { tables: { 2: [0, 1] } }, '2 entries, not 4'],
    ['a table beyond its instances', { tables: { 2: [0, 1, 2, 0] } }, 'that do not exist'],
    ['a path', { parts: [{ ...PART, file: '../../etc/passwd' }] }, 'without a path'],
    ['a hidden file', { parts: [{ ...PART, file: '.x' }] }, 'without a path'],
    ['a part twice', { parts: [PART, PART] }, 'named twice'],
    ['no checksum', { parts: [{ ...PART, sha256: '' }] }, 'no SHA-256'],
    ['a part without file', { parts: [{ ...PART, file: '' }] }, 'has sections and no file'],
    ['bytes', { parts: [{ ...PART, bytes: -1 }] }, 'parts.[0].bytes is -1'],
    ['a delta flag', { parts: [withDelta(false)] }, 'delta is false; it should be true'],
    ['a delta without a base', { format: 2, parts: [withDelta(true)] }, 'that is not named'],
    [
      'a base that lacks the section',
      { format: 2, parts: [{ ...withDelta(true), earlier: [{ ...EARLIER, sections: [] }] }] },
      'that is not named',
    ],
    [
      'earlier files in format 1',
      { parts: [{ ...withDelta(true), earlier: [EARLIER] }] },
      'which format 1 does not know',
    ],
    [
      'an earlier file twice',
      { format: 2, parts: [{ ...withDelta(true), earlier: [EARLIER, EARLIER] }] },
      'named twice',
    ],
    [
      'a path of an earlier file',
      { format: 2, parts: [{ ...withDelta(true), earlier: [{ ...EARLIER, file: 'a/b' }] }] },
      'without a path',
    ],
    ['a transaction', { transactions: [{ operator: 'a', instance: 0 }] }, 'transaction is missing'],
    ['source records', { sourceRecords: { a: 'many' } }, 'sourceRecords.a is "many"'],
  ])('%s that is wrong is told, by writer and reader', (_, change, told) => {
    const wrong = { ...sampleManifest(7, [PART]), ...change } as never;
    expect(manifestProblem(wrong)).toContain(told);
    expect(() => encodeManifest(wrong)).toThrow(told);
    const error = thrown(() => decodeManifest(seal('manifest', wrong), 'm'));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    expect(error.message).toContain(told);
  });

  test('a further key of a later minor version is left alone', () => {
    const more = { ...sampleManifest(7), later: true };
    expect(decodeManifest(seal('manifest', more), 'm')).toMatchObject({ checkpoint: 7 });
  });

  test('nothing is sealed that JSON would change', () => {
    for (const value of [Number.NaN, 1n, () => 1, new Date(0), new Map(), Symbol('s')]) {
      const transactions = [{ operator: 'a', instance: 0, transaction: { value } }];
      expect(() => encodeManifest(sampleManifest(1, [], { transactions }))).toThrow(TypeError);
    }
  });

  test('keys that reach prototypes are refused, at any depth, by writer and reader', () => {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const transaction = JSON.parse(`{"a":[{"${key}":{"polluted":true}}]}`) as never;
      const transactions = [{ operator: 'a', instance: 0, transaction }];
      expect(() => encodeManifest(sampleManifest(1, [], { transactions }))).toThrow(key);
    }
    const text = Buffer.from(seal('manifest', { _proto: 1 })).toString();
    expect(unseal('manifest', Buffer.from(text), 'm')).toEqual({ _proto: 1 });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('a document of another kind or format is not taken for a manifest', () => {
    const epoch = thrown(() => decodeManifest(seal('epoch', { epoch: 1 }), 'm'));
    expect(epoch.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    const text = Buffer.from(encodeManifest(sampleManifest(7))).toString();
    const later = Buffer.from(text.replace('{"format":1', '{"format":2'));
    const error = thrown(() => decodeManifest(later, 'm'));
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    expect(error.message).toContain('its format is 2');
  });
});

describe('finished mark', () => {
  test('comes back as it was, also without a checkpoint', () => {
    for (const checkpoint of [3, undefined]) {
      const mark = { run: 'r', checkpoint, result: { rows: 7 } };
      expect(decodeFinished(encodeFinished(mark), 'f')).toEqual(mark);
    }
  });

  test('is checked', () => {
    for (const wrong of [null, {}, { run: 'r' }, { run: 'r', result: {}, checkpoint: -1 }]) {
      const error = thrown(() => decodeFinished(seal('finished', wrong), 'f'));
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_FORMAT');
    }
  });
});
