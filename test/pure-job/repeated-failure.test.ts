import { describe, expect, test } from 'vitest';
import { type Failure, GONE, MISUSE, UNFIT_RECORD } from '../../src/base/failure.js';
import { GONE_MS, RepeatedFailure } from '../../src/job/driver/repeated-failure.js';

const failure = (more: Partial<Failure>): Failure => ({
  kind: 'source',
  name: 'HoldfastError',
  message: 'it failed',
  operator: 'orders',
  instance: 0,
  position: 'a.ndjson line 7',
  ...more,
});

const heard = (...failures: readonly Failure[]): readonly number[] => {
  const repeated = new RepeatedFailure();
  return failures.map((one, i) => repeated.heard(one, i * GONE_MS));
};

describe('a failure is one that does not pass', () => {
  test('when a file is gone, whoever says so, and where', () => {
    const details = { [GONE]: '/in/a.ndjson' };
    expect(
      heard(
        failure({ details, message: 'it was deleted' }),
        failure({ details, message: 'it was there', instance: 1, position: undefined }),
        failure({ details, kind: 'internal', operator: undefined }),
        failure({ details: { [GONE]: '/in/b.ndjson' } }),
      ),
    ).toEqual([1, 2, 3, 1]);
  });

  test('but not when the file comes back soon', () => {
    const repeated = new RepeatedFailure();
    const gone = failure({ details: { [GONE]: '/in/a.ndjson' } });
    const times = [0, 10, 40, 100, GONE_MS - 1, GONE_MS].map((ms) => repeated.heard(gone, 7 + ms));
    expect(times).toEqual([1, 2, 2, 2, 2, 6]);
  });

  test('when a source breaks its contract in the same way, for whichever split', () => {
    const details = { [MISUSE]: true };
    const one = failure({ details });
    expect(
      heard(one, { ...one, instance: 1, position: 'b' }, { ...one, message: 'another' }),
    ).toEqual([1, 2, 1]);
  });

  test('when user code, or a sink, fails on the same record', () => {
    const user = failure({ kind: 'user-code', record: '{ n: 1 }' });
    expect(heard(user, user, { ...user, record: '{ n: 2 }' })).toEqual([1, 2, 1]);
    const sink = failure({ kind: 'sink', details: { [UNFIT_RECORD]: true } });
    expect(heard(sink, sink)).toEqual([1, 2]);
  });

  test('and not when anything is merely out of reach: each has the whole budget', () => {
    for (const code of ['EIO', 'ETIMEDOUT', 'ESTALE', 'ECONNREFUSED', 'EACCES']) {
      const out = failure({ code, details: { path: '/in/a.ndjson' } });
      expect(heard(out, out, out, out)).toEqual([0, 0, 0, 0]);
      const store = failure({ kind: 'checkpoint', code });
      expect(heard(store, store, store)).toEqual([0, 0, 0]);
    }
    const died = failure({ kind: 'thread-exit', details: undefined });
    expect(heard(died, died, died)).toEqual([0, 0, 0]);
  });

  test('in a row only: another failure, or progress, begins anew', () => {
    const gone = failure({ details: { [GONE]: '/in/a.ndjson' } });
    expect(heard(gone, gone, failure({ kind: 'hung' }), gone)).toEqual([1, 2, 0, 1]);
    const repeated = new RepeatedFailure();
    repeated.heard(gone, 0);
    repeated.forget();
    expect(repeated.heard(gone, 1)).toBe(1);
  });
});
