import { describe, expect, it } from 'vitest';
import {
  codeOfKind,
  errorCodes,
  exitCodeOf,
  type FailureKind,
  isFatalCode,
  kindOfCode,
} from '../../src/base/error-codes.js';
import { HoldfastError } from '../../src/base/errors.js';
import { failureToError, kindOfError, originalError, toFailure } from '../../src/base/failure.js';

class Plain extends Error {}
class Mishap extends RangeError {
  code = 'E_MISHAP';
}
class Named extends Error {
  override name = 'OwnName';
}
const nodeError = (() => {
  try {
    (structuredClone as unknown as () => void)();
  } catch (error) {
    return error;
  }
})();

describe('failures', () => {
  it.each<[string, unknown, string]>([
    ['a built-in', new RangeError('x'), 'RangeError'],
    ['a class of the user', new Plain('x'), 'Plain'],
    ['a class below a built-in', new Mishap('x'), 'Mishap'],
    ['a class that names itself', new Named('x'), 'OwnName'],
    ['an error that was named', Object.assign(new TypeError('x'), { name: 'Given' }), 'Given'],
    ['an error of Node', nodeError, 'TypeError'],
    ['an exception of the platform', new DOMException('x', 'AbortError'), 'AbortError'],
    ['an anonymous class', new (class extends TypeError {})('x'), 'TypeError'],
    ['no error', 5, 'Error'],
  ])('%s has its name', (_, thrown, name) => {
    expect(toFailure(thrown, 'user-code').name).toBe(name);
  });

  it('cross as plain data and come back with name, code and causes', () => {
    const thrown = new Mishap('it broke', { cause: new HoldfastError('ERR_HOLDFAST_SOURCE', 's') });
    const failure = structuredClone(toFailure(thrown, 'user-code', { operator: 'map', slot: 1 }));
    expect(originalError(failure)).toMatchObject({
      name: 'Mishap',
      message: 'it broke',
      code: 'E_MISHAP',
      cause: { code: 'ERR_HOLDFAST_SOURCE', message: 's' },
    });
    expect(failureToError(failure)).toMatchObject({
      code: 'ERR_HOLDFAST_USER_CODE',
      message: "operator 'map' (slot 1): Mishap: it broke",
      cause: { name: 'Mishap' },
    });
  });

  it('of ours are not wrapped in another of the same code, and name no class', () => {
    const died = toFailure(new HoldfastError('ERR_HOLDFAST_WORKER_DIED', 'gone'), 'thread-exit');
    const same = failureToError(died, 'ERR_HOLDFAST_WORKER_DIED');
    expect([same.message, same.cause]).toEqual(['gone', undefined]);
    const other = failureToError(died, 'ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(other).toMatchObject({ message: 'gone', cause: { code: 'ERR_HOLDFAST_WORKER_DIED' } });
  });

  it.each([
    [new HoldfastError('ERR_HOLDFAST_SINK', 's'), 'sink'],
    [new HoldfastError('ERR_HOLDFAST_USER_CODE', 'u'), 'user-code'],
    [new HoldfastError('ERR_HOLDFAST_BAD_OPTION', 'b'), 'internal'],
    [new Mishap('m'), 'internal'],
  ])('of ours have the kind that their code tells: %s', (error, kind) => {
    expect(kindOfError(error)).toBe(kind);
  });

  it('never throw, whatever was thrown', () => {
    const circular = new Error('round');
    circular.cause = circular;
    const hostile = {
      toString: () => {
        throw new Error('no');
      },
    };
    for (const thrown of [undefined, null, Symbol('s'), Object.create(null), hostile, circular]) {
      expect(toFailure(thrown, 'user-code')).toMatchObject({ kind: 'user-code' });
    }
  });

  it.each<[string, unknown, RegExp]>([
    ['a text', 'no such row', /^thrown value: no such row$/],
    ['an object', { row: 7, why: { code: 3 } }, /^thrown value: \{ row: 7, why: \{ code: 3 \} \}$/],
    ['undefined', undefined, /^thrown value: undefined$/],
    ['a function', () => 1, /^thrown value: \(\) => 1$/],
    ['an empty message', new AggregateError([new Error('refused'), 5]), /^Error: refused; 5$/],
  ])('%s is told', (_, thrown, message) => {
    expect(toFailure(thrown, 'user-code').message).toMatch(message);
  });

  it('an AggregateError is caused by its first error', () => {
    const failure = toFailure(new AggregateError([new RangeError('a'), new Error('b')]), 'sink');
    expect(failure).toMatchObject({ name: 'AggregateError', cause: { name: 'RangeError' } });
  });

  it('what cannot be read is told as such', () => {
    const proxy = new Proxy(new Error('x'), {
      get: () => {
        throw new Error('no');
      },
    });
    const getter = Object.defineProperty(new Error('x'), 'message', {
      get: () => {
        throw new Error('no');
      },
    });
    for (const thrown of [proxy, getter]) {
      expect(toFailure(thrown, 'user-code', { operator: 'map' })).toEqual({
        kind: 'user-code',
        name: 'Error',
        message: 'what was thrown cannot be read',
        operator: 'map',
      });
    }
  });

  it('circular, huge and uncloneable properties stay behind; a huge message is cut', () => {
    const big = 'x'.repeat(1_000_000);
    const error = Object.assign(new RangeError(big), { big, call: () => {}, self: {} as unknown });
    error.self = error;
    const failure = structuredClone(toFailure(error, 'user-code'));
    expect(failure.message.length).toBeLessThan(20_000);
    expect(failure.message).toMatch(/^x+… \(\d+ more characters\)$/);
    expect(failure.stack).toMatch(/failure\.test\.ts:\d+/);
    expect(JSON.stringify(failure).length).toBeLessThan(60_000);
  });

  it('details of our own are kept where a place is not known', () => {
    const thrown = new HoldfastError('ERR_HOLDFAST_SINK', 's', { details: { operator: 'out' } });
    const there = failureToError(toFailure(thrown, 'internal'));
    expect(there.details).toEqual({ operator: 'out' });
    expect(failureToError(toFailure(there, 'internal', { slot: 1 })).details).toEqual({
      operator: 'out',
      slot: 1,
    });
  });

  it('of every kind have one code, which tells the kind again', () => {
    const kinds: readonly FailureKind[] = [
      'user-code',
      'source',
      'sink',
      'checkpoint',
      'build',
      'thread-exit',
      'out-of-memory',
      'hung',
      'unresponsive',
      'process-death',
      'internal',
    ];
    expect(new Set(kinds.map(codeOfKind)).size).toBe(kinds.length);
    for (const kind of kinds) expect(kindOfCode(codeOfKind(kind))).toBe(kind);
    expect(codeOfKind('thread-error')).toBe('ERR_HOLDFAST_USER_CODE');
    expect(kindOfCode('ERR_HOLDFAST_BAD_OPTION')).toBe('internal');
  });

  it('that would come again are fatal by their code, and those of others never', () => {
    expect(isFatalCode('ERR_HOLDFAST_COMPILE')).toBe(true);
    expect(isFatalCode('ERR_HOLDFAST_SINK')).toBe(false);
    for (const foreign of ['ENOENT', 'toString', '__proto__', undefined]) {
      expect(isFatalCode(foreign)).toBe(false);
    }
  });

  it('a mistake in an option ends the command line with 2, all else with 1', () => {
    const odd = errorCodes.filter((code) => exitCodeOf(code) !== 1);
    expect(odd.map((code) => [code, exitCodeOf(code)])).toEqual([['ERR_HOLDFAST_BAD_OPTION', 2]]);
  });
});
