import { expect, test } from 'vitest';
import { Host } from '../../src/job/host.js';
import { defineJob } from '../../src/stream/job-definition.js';
import { ControlBlock } from '../../src/threads/control-block.js';

test('a commit that no sink answers for is a failure, never a commit', async () => {
  const host = new Host({
    definition: defineJob('job', () => {}),
    block: new ControlBlock(),
    sleeper: { arm: () => {}, cancel: () => {}, onWake: () => {} },
    emit: () => {},
  });
  const answer = await host.commit('out', 7, [{ rows: 3 }]);
  expect(answer).toMatchObject({ ok: false, failure: { code: 'ERR_HOLDFAST_INTERNAL' } });
});
