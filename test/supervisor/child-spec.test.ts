import { describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../src/base/errors.js';
import { seededRandom } from '../../src/base/random.js';
import { checkSupervisorSpec, type SupervisorSpec } from '../../src/supervisor/child-spec.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import { Supervisor } from '../../src/supervisor/supervisor.js';

describe('specifications', () => {
  it("have OTP's defaults, also for explicit undefined", () => {
    const child = { restart: 'permanent', significant: false, shutdown: 5_000, type: 'worker' };
    const expected = {
      strategy: 'one-for-one',
      intensity: { restarts: 1, periodMs: 5_000 },
      backoff: undefined,
      autoShutdown: 'never',
      firstStart: 'escalate',
      children: [
        { ...child, id: 'a' },
        { ...child, id: 'b', type: 'supervisor', shutdown: 'infinity' },
        { ...child, id: 'c', type: 'supervisor', shutdown: 7 },
      ],
    };
    const children = [
      { id: 'a' },
      { id: 'b', type: 'supervisor' },
      { id: 'c', type: 'supervisor', shutdown: 7 },
    ] as const;
    expect(checkSupervisorSpec({ children })).toEqual(expected);
    const none = {
      strategy: undefined,
      intensity: undefined,
      periodMs: undefined,
      backoff: undefined,
      autoShutdown: undefined,
      firstStart: undefined,
    };
    const undef = { restart: undefined, significant: undefined, shutdown: undefined };
    expect(
      checkSupervisorSpec({
        ...none,
        children: [{ ...undef, id: 'a', type: undefined }, ...children.slice(1)],
      }),
    ).toEqual(expected);
  });

  it('a back-off alone is the only budget; with an intensity both count', () => {
    const backoff = fixedDelay();
    expect(checkSupervisorSpec({ backoff, children: [] }).intensity).toBeUndefined();
    expect(checkSupervisorSpec({ backoff, intensity: 3, children: [] })).toMatchObject({
      backoff,
      intensity: { restarts: 3, periodMs: 5_000 },
    });
  });

  const child = (given: object): SupervisorSpec => ({
    autoShutdown: 'any-significant',
    children: [{ id: 'a', ...given }],
  });
  const of = (given: object): SupervisorSpec => ({ children: [], ...given });

  it.each<[string, unknown, string]>([
    ['nothing at all', undefined, 'invalid-supervisor-spec'],
    ['null', null, 'invalid-supervisor-spec'],
    ['no children', {}, 'bad-start-spec'],
    ['children that are no list', of({ children: { id: 'a' } }), 'bad-start-spec'],
    ['a template too many', of({ strategy: 'simple-one-for-one' }), 'bad-start-spec'],
    [
      'a template missing',
      { strategy: 'simple-one-for-one', children: [{ id: 'a' }, { id: 'b' }] },
      'bad-start-spec',
    ],
    ['an unknown strategy', of({ strategy: 'two-for-one' }), 'invalid-strategy'],
    ["OTP's spelling of one", of({ strategy: 'one_for_one' }), 'invalid-strategy'],
    ['a negative intensity', of({ intensity: -1 }), 'invalid-intensity'],
    ['half an intensity', of({ intensity: 0.5 }), 'invalid-intensity'],
    ['an intensity without limit', of({ intensity: Infinity }), 'invalid-intensity'],
    ['an intensity that is text', of({ intensity: '1' }), 'invalid-intensity'],
    ['a period of nothing', of({ periodMs: 0 }), 'invalid-period'],
    ['a period that is no number', of({ periodMs: Number.NaN }), 'invalid-period'],
    ['an unknown back-off', of({ backoff: { kind: 'sometimes' } }), 'invalid-backoff'],
    ['a back-off that is null', of({ backoff: null }), 'invalid-backoff'],
    ['a wrong back-off', of({ backoff: { kind: 'fixed-delay', delayMs: -1 } }), 'invalid-backoff'],
    ['a period for nothing', of({ backoff: { kind: 'none' }, periodMs: 1_000 }), 'bad-combination'],
    ['an unknown autoShutdown', of({ autoShutdown: 'sometimes' }), 'invalid-auto-shutdown'],
    ['an unknown firstStart', of({ firstStart: 'ignore' }), 'invalid-first-start'],
    ['a child that is no object', of({ children: ['a'] }), 'invalid-child-spec'],
    ['a child that is null', of({ children: [null] }), 'invalid-child-spec'],
    ['a child without an id', of({ children: [{}] }), 'missing-id'],
    ['an empty id', of({ children: [{ id: '' }] }), 'missing-id'],
    ['an id that is a number', of({ children: [{ id: 7 }] }), 'invalid-id'],
    [
      'two children of one name',
      of({ children: [{ id: 'a' }, { id: 'a' }] }),
      'duplicate-child-name',
    ],
    ['an unknown restart type', child({ restart: 'always' }), 'invalid-restart-type'],
    ['a negative shutdown', child({ shutdown: -1 }), 'invalid-shutdown'],
    ['a shutdown that is no number', child({ shutdown: Number.NaN }), 'invalid-shutdown'],
    ['an endless shutdown', child({ shutdown: Infinity }), 'invalid-shutdown'],
    ['an unknown shutdown', child({ shutdown: 'brutal_kill' }), 'invalid-shutdown'],
    ['an unknown type', child({ type: 'thread' }), 'invalid-child-type'],
    ['significance that is text', child({ significant: 'yes' }), 'invalid-significant'],
    ['a significant permanent child', child({ significant: true }), 'bad-combination'],
    [
      'significance for a supervisor that never shuts itself down',
      of({ children: [{ id: 'a', restart: 'transient', significant: true }] }),
      'bad-combination',
    ],
  ])('%s is refused with the exact word for it', (_, spec, reason) => {
    try {
      new Supervisor(spec as SupervisorSpec, seededRandom(1));
    } catch (error) {
      if (!isHoldfastError(error, 'ERR_HOLDFAST_BAD_CHILD_SPEC')) throw error;
      expect(error.details['reason']).toBe(reason);
      expect(error.message.length).toBeGreaterThan(20);
      return;
    }
    throw new Error('it was accepted');
  });
});
