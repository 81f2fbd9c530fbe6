import { describe, expect, test, vi } from 'vitest';
import { discard } from '../../src/connectors/memory/discard.js';
import { fromCollection } from '../../src/connectors/memory/from-collection.js';
import { defineJob } from '../../src/stream/api/job-definition.js';
import type { Source } from '../../src/stream/source.js';
import { ControlBlock } from '../../src/threads/control-block.js';
import { inlineHost } from '../../src/workloads/inline-host.js';
import { SPLITS_TIMEOUT_MS } from '../../src/workloads/streams/split-listing.js';

test('a commit that no sink answers for is a failure, never a commit', async () => {
  const host = inlineHost(
    defineJob('job', () => {}),
    new ControlBlock(),
    () => {},
  );
  const answer = await host.ask('commit', ['out', 7, [{ rows: 3 }]]);
  expect(answer).toMatchObject({ ok: false, failure: { code: 'ERR_HOLDFAST_INTERNAL' } });
});

describe('listing splits', () => {
  function hostOf(splits: () => unknown) {
    const numbers = { ...fromCollection([1]), splits } as Source<number>;
    const job = defineJob('job', (env) => {
      env.from(numbers).uid('numbers').sinkTo(discard());
    });
    return inlineHost(job, new ControlBlock(), () => {});
  }

  const failureOf = async (splits: () => unknown) => {
    const host = hostOf(splits);
    await host.load({});
    const answer = await host.ask('listSplits', ['numbers']);
    return answer.ok ? expect.fail('it was listed') : answer.failure;
  };

  test('that never settles ends at its deadline, with the source named', async () => {
    vi.useFakeTimers();
    try {
      const failing = failureOf(() => new Promise(() => {}));
      await vi.advanceTimersByTimeAsync(SPLITS_TIMEOUT_MS);
      expect(await failing).toMatchObject({
        code: 'ERR_HOLDFAST_SOURCE',
        message: expect.stringContaining("source 'numbers' could not list its splits"),
      });
    } finally {
      vi.useRealTimers();
    }
  });

  test.each([
    ['nothing', undefined, 'gave undefined'],
    ['no array', { id: 'a' }, 'it must give an array'],
    ['no ids', [{ path: 'a' }], 'a split without an id'],
    ['the same id twice', [{ id: 'a' }, { id: 'a' }], "two splits with the id 'a'"],
  ])('that gives %s is refused', async (_, given, words) => {
    const failure = await failureOf(async () => given);
    expect(failure.code).toBe('ERR_HOLDFAST_SOURCE');
    expect(failure.message).toContain(words);
  });
});
