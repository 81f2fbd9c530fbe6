import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import { failureToError, originalError, toFailure } from '../../src/base/failure.js';

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
});
