import { describe, expect, it } from 'vitest';
import { hangFailure } from '../../src/pool/hang-failure.js';

describe('the failure of a hang', () => {
  const hang = {
    slot: 1,
    phase: 'running',
    beatSilenceMs: 1_100.4,
    progressSilenceMs: 1_049.6,
    heartbeat: { intervalMs: 100, timeoutMs: 1_000, busyLimitMs: undefined },
  };

  it('says what was missing, for how long, and what to do', () => {
    const failure = hangFailure(hang);
    expect(failure).toMatchObject({ kind: 'hung', code: 'ERR_HOLDFAST_WORKER_HUNG', slot: 1 });
    expect(failure.message).toBe(
      'slot 1 gave no beat and made no progress for 1050 ms (phase running). If one record can ' +
        'take that long, raise heartbeat.timeoutMs (now 1000; on the command line --heartbeat-timeout) or call ' +
        "alive() of 'holdfast' in the work.",
    );
  });

  it('does not deny the progress of a thread that was busy for too long', () => {
    const heartbeat = { ...hang.heartbeat, busyLimitMs: 5_000 };
    const busy = { ...hang, beatSilenceMs: 5_020, progressSilenceMs: 3, heartbeat };
    expect(hangFailure(busy).message).toBe(
      'slot 1 made progress, but gave no beat for 5020 ms (phase running), longer than ' +
        'heartbeat.busyLimitMs (5000). If one record can keep its thread for so long, raise it, or ' +
        'leave it out.',
    );
    expect(hangFailure({ ...busy, progressSilenceMs: 1_000 }).message).toContain('no progress');
  });
});
