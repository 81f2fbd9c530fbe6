import { describe, expect, it } from 'vitest';
import { deferred } from '../../src/base/deferred.js';
import type { Failure } from '../../src/base/failure.js';
import { HeapGuard } from '../../src/pool/heap-guard.js';
import type { PressureEvent } from '../../src/pool/pool-types.js';

const MB = 2 ** 20;
const settled = () => new Promise((resolve) => setImmediate(resolve));

class Rig {
  mayRestart = true;
  incarnation = 7;
  readonly events: PressureEvent[] = [];
  readonly retired: { slot: number; failure: Failure; cause: string }[] = [];
  readonly checkpoints: ReturnType<typeof deferred<number>>[] = [];
  readonly guard = new HeapGuard({
    options: {
      slot: {
        heap: { reportAt: 0.8, restartAt: 0.9 },
      },
      logger: undefined,
    },
    mayRestart: () => this.mayRestart,
    checkpoint: () => {
      this.checkpoints.push(deferred<number>());
      return this.checkpoints.at(-1)!.promise;
    },
    incarnation: () => this.incarnation,
    retire: (slot, failure, cause) => this.retired.push({ slot, failure, cause }),
    onPressure: (event) => this.events.push(event),
  });

  beats(slot: number, ...shares: readonly number[]): void {
    for (const share of shares) {
      const usedBytes = share * 100 * MB;
      const limitBytes = 100 * MB;
      this.guard.beat({ slot, incarnation: 7, usedBytes, limitBytes, working: true });
    }
  }

  actions(): string {
    return this.events.map(({ slot, action }) => `${slot} ${action}`).join(', ');
  }
}

describe('heap guard', () => {
  it('takes a checkpoint, then ends the thread, and says why', async () => {
    const rig = new Rig();
    rig.beats(1, 0.1, 0.85, 0.85, 0.85);
    expect(rig.actions()).toBe('1 reported');
    rig.beats(1, 0.95, 0.95, 0.95);
    expect(rig.actions()).toBe('1 reported, 1 restarting');
    expect(rig.events[1]).toEqual({
      slot: 1,
      heapUsedBytes: 95 * MB,
      heapLimitBytes: 100 * MB,
      share: 0.95,
      action: 'restarting',
    });
    await settled();
    expect(rig.retired).toEqual([]);
    rig.checkpoints[0]!.resolve(3);
    await settled();
    expect(rig.retired).toHaveLength(1);
    expect(rig.retired[0]).toMatchObject({ slot: 1, cause: 'heap-pressure' });
    expect(rig.retired[0]!.failure.message).toContain('it used 95 of 100 MB of heap');
  });

  it('a failed checkpoint keeps no full thread', async () => {
    const rig = new Rig();
    rig.beats(0, 0.1, 0.95, 0.95, 0.95);
    rig.checkpoints[0]!.reject(new Error('disk full'));
    await settled();
    expect(rig.retired).toHaveLength(1);
  });

  it('one at a time: the next slot is restarted when the first one is through', async () => {
    const rig = new Rig();
    rig.beats(0, 0.1, 0.95, 0.95, 0.95);
    rig.beats(1, 0.1, 0.95, 0.95, 0.95, 0.95);
    expect(rig.actions()).toBe('0 restarting, 1 reported');
    rig.checkpoints[0]!.resolve(1);
    await settled();
    rig.beats(1, 0.95);
    expect(rig.actions()).toBe('0 restarting, 1 reported, 1 restarting');
    expect(rig.checkpoints).toHaveLength(2);
  });

  it('leaves alone what happened meanwhile: an end, a restart, another thread', async () => {
    for (const change of [
      (rig: Rig) => {
        rig.mayRestart = false;
      },
      (rig: Rig) => {
        rig.incarnation = 8;
      },
    ]) {
      const rig = new Rig();
      rig.beats(0, 0.1, 0.95, 0.95, 0.95);
      change(rig);
      rig.checkpoints[0]!.resolve(1);
      await settled();
      expect(rig.retired).toEqual([]);
    }
  });

  it('orders nothing while the job restarts or ends', async () => {
    const rig = new Rig();
    rig.mayRestart = false;
    rig.beats(0, 0.1, 0.95, 0.95, 0.95, 0.95);
    expect(rig.actions()).toBe('0 reported');
    expect(rig.checkpoints).toEqual([]);
  });
});
