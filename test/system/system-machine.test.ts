/** The life of a system, by hand. */

import { expect, test } from 'vitest';
import type { Failure } from '../../src/base/failure.js';
import { seededRandom } from '../../src/base/random.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import { SystemMachine } from '../../src/system/system-machine.js';

const failure: Failure = { kind: 'thread-exit', name: 'Error', message: 'died' };
const died = { kind: 'failed', failure, cause: 'exit' } as const;

function machineOf(attempts = 2) {
  const machine = new SystemMachine(fixedDelay({ attempts, delayMs: 10 }), seededRandom(1));
  const kinds = (event: Parameters<SystemMachine['handle']>[0], now = 0) =>
    machine.handle(event, now).map(({ kind }) => kind);
  const up = (round: number) =>
    kinds({ kind: 'launched', round, epoch: round + 1, checkpoint: undefined });
  return { machine, kinds, up };
}

test('a death disconnects first; the launch waits for the fences and for the delay', () => {
  const { machine, kinds, up } = machineOf();
  expect(kinds({ kind: 'start' })).toEqual(['launch']);
  expect(up(0)).toEqual(['connect']);
  expect(kinds(died)).toEqual(['disconnect', 'tell-failure']);
  expect(kinds({ kind: 'tick' }, 50)).toEqual([]);
  expect(kinds({ kind: 'fenced', round: 1 }, 5)).toEqual([]);
  expect(machine.nextDeadline()).toBe(10);
  expect(kinds({ kind: 'tick' }, 10)).toEqual(['launch']);
  expect(up(1)).toEqual(['connect', 'tell-restarted']);
});

test('what an earlier round tells changes nothing, and a death while it is down costs nothing', () => {
  const { machine, kinds, up } = machineOf(2);
  kinds({ kind: 'start' });
  // A thread dies during the launch.
  expect(kinds(died)).toEqual(['disconnect', 'tell-failure']);
  for (let n = 0; n < 5; n += 1) expect(kinds(died)).toEqual([]);
  expect(up(0)).toEqual([]);
  expect(kinds({ ...died, round: 0 })).toEqual([]);
  expect(kinds({ kind: 'fenced', round: 0 }, 20)).toEqual([]);
  expect(kinds({ kind: 'fenced', round: 1 }, 20)).toEqual(['launch']);
  expect(up(1)).toEqual(['connect', 'tell-restarted']);
  expect(machine.isUp).toBe(true);
});

test('a spent budget ends it; a complete snapshot begins the budget anew', () => {
  const { machine, kinds, up } = machineOf(1);
  kinds({ kind: 'start' });
  up(0);
  for (const round of [1, 2, 3]) {
    kinds({ kind: 'snapshot-completed' });
    kinds(died);
    kinds({ kind: 'fenced', round }, 1_000);
    up(round);
  }
  expect(kinds(died)).toEqual(['disconnect', 'tell-failure', 'fail']);
  expect(machine.isOver).toBe(true);
  expect(kinds({ kind: 'start' })).toEqual([]);
});

test('an error that would come again at every try is not answered', () => {
  const { kinds } = machineOf(9);
  kinds({ kind: 'start' });
  const fatal = { ...failure, code: 'ERR_HOLDFAST_ACTOR_MODULE' };
  expect(kinds({ kind: 'failed', failure: fatal, cause: 'build', round: 0 })).toEqual([
    'disconnect',
    'tell-failure',
    'fail',
  ]);
});
