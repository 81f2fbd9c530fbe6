/** Threads that die when the test says so: of which death who hears, in each state of a thread. */

import { describe, expect, test } from 'vitest';
import type { Failure } from '../../src/base/failure.js';
import type { HostCallbacks, HostLink } from '../../src/host/host-link.js';
import type { WorkloadTypes } from '../../src/host/workload.js';
import { resolveOptions } from '../../src/job/options.js';
import { Pool, type SlotFailure } from '../../src/pool/pool.js';
import type { SlotInfo } from '../../src/pool/pool-types.js';
import { ControlBlock } from '../../src/threads/control-block.js';

interface Nothing extends WorkloadTypes {
  readonly loaded: { readonly hash: string };
  readonly calls: Readonly<Record<never, never>>;
}

const DEATH: Failure = { kind: 'thread-exit', name: 'Error', message: 'it died' };

class Thread {
  readonly link: HostLink<Nothing>;
  readonly callbacks: HostCallbacks<Nothing>;
  readonly called: string[] = [];
  dead = false;
  /** A call of this name is not answered. */
  silentOn = '';

  constructor(name: string, hash: string, callbacks: HostCallbacks<Nothing>) {
    this.callbacks = callbacks;
    const thread = this;
    const answer = async (method: string) => {
      this.called.push(method);
      if (method === this.silentOn) throw new Error('no answer');
      return method === 'load' ? { hash } : undefined;
    };
    this.link = {
      name,
      block: new ControlBlock(),
      threadId: 1,
      get dead() {
        return thread.dead;
      },
      call: answer as HostLink<Nothing>['call'],
      ask: answer as HostLink<Nothing>['ask'],
      async terminate() {
        thread.called.push('terminate');
        thread.dead = true;
      },
      waitedMs: () => undefined,
      utilization: () => undefined,
    };
  }

  ready(): void {
    this.callbacks.onEvent({ kind: 'ready', name: 'module' });
  }

  die(): void {
    this.dead = true;
    this.callbacks.onDeath(DEATH);
  }
}

/** All is said that needs nobody's word. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function stage(hashes: (thread: number) => string = () => 'same') {
  const threads: Thread[] = [];
  const failures: SlotFailure[] = [];
  const events: unknown[] = [];
  const verdicts: SlotInfo['verdict'][] = [];
  const pool = new Pool<Nothing>({
    options: resolveOptions({ parallelism: 1, spares: 1 }),
    spawn: (name, callbacks) => {
      const thread = new Thread(name, hashes(threads.length), callbacks);
      threads.push(thread);
      return thread.link;
    },
    mismatch: (expected, found) => new Error(`${found.hash} instead of ${expected.hash}`),
    onEvent: (slot, event) => events.push([slot, event]),
    onFailure: (failure) => failures.push(failure),
    onChange: ({ verdict }) => verdicts.push(verdict),
    onBeat: () => {},
  });
  return { pool, threads, failures, events, verdicts };
}

async function opened() {
  const made = stage();
  const opening = made.pool.open();
  made.threads[0]!.ready();
  await opening;
  return { ...made, thread: made.threads[0]! };
}

describe('a thread that loads', () => {
  test('dies: whoever waits for it hears so, and nobody else', async () => {
    const { pool, threads, failures } = stage();
    const opening = pool.open();
    threads[0]!.die();
    await expect(opening).rejects.toThrow('it died');
    expect(failures).toEqual([]);
    expect(pool.info()[0]!.verdict).toBe('dead');
    await pool.close(false);
  });

  test('has no tasks to be fenced, and cannot be called usable', async () => {
    const { pool, threads } = stage();
    const opening = pool.open();
    await pool.fence(0, 0, 10);
    expect(threads[0]!.called).toEqual([]);
    expect(pool.info()[0]!.verdict).toBe('starting');
    threads[0]!.ready();
    await opening;
    expect(pool.info()[0]!.verdict).toBe('alive');
    await pool.close(false);
  });

  test('is ended when it has loaded something else', async () => {
    const { pool, threads, failures } = stage((thread) => `hash ${thread}`);
    const opening = pool.open();
    threads[0]!.ready();
    await opening;
    threads[0]!.die();
    const another = pool.ensure(0);
    threads[1]!.ready();
    await expect(another).rejects.toThrow('hash 1 instead of hash 0');
    await settled();
    expect(threads[1]!.called).toEqual(['load', 'terminate']);
    threads[1]!.die();
    expect(failures).toHaveLength(1); // That of the first.
    await pool.close(false);
  });
});

describe('a thread that serves a slot', () => {
  test('dies: that is a failure of its slot, told once', async () => {
    const { pool, thread, failures, verdicts } = await opened();
    thread.die();
    thread.die();
    expect(failures).toEqual([
      { slot: 0, failure: { ...DEATH, slot: 0 }, ordered: undefined, detectMs: 0 },
    ]);
    expect(verdicts).toEqual(['alive', 'dead']);
    await pool.close(false);
  });

  test('dies of a kill, which its failure names', async () => {
    const { pool, thread, failures } = await opened();
    pool.kill(0, 'exit');
    expect(thread.called).toEqual(['load', 'kill']);
    thread.die();
    expect(failures).toMatchObject([{ ordered: 'exit' }]);
    expect(failures[0]!.detectMs).toBeGreaterThan(0);
    expect(() => pool.kill(0, 'exit')).toThrow('slot 0 has no living thread');
    await pool.close(false);
  });

  test('is terminated by a kill: it is dead at once, and its failure is told when it ends', async () => {
    const { pool, thread, failures } = await opened();
    pool.kill(0, 'terminate');
    expect([pool.isAlive(0), failures.length]).toEqual([false, 0]);
    thread.die();
    expect(failures).toMatchObject([{ ordered: 'terminate' }]);
    await pool.close(false);
  });

  test('is retired: that is told at once, and its death is not', async () => {
    const { pool, thread, failures } = await opened();
    pool.retire(0, { ...DEATH, message: 'retired' }, 'heap-pressure');
    pool.retire(0, { ...DEATH, message: 'again' }, 'heap-pressure');
    thread.die();
    expect(failures).toMatchObject([
      { slot: 0, ordered: 'heap-pressure', failure: { message: 'retired' } },
    ]);
    await pool.close(false);
  });

  test('does not answer a fence: it is ended, told to the other regions, and its death is not', async () => {
    const { pool, thread, failures } = await opened();
    thread.silentOn = 'fence';
    await pool.fence(0, 3, 10);
    thread.die();
    expect(thread.called).toEqual(['load', 'fence', 'terminate']);
    expect(failures).toMatchObject([{ slot: 0, except: 3 }]);
    await pool.close(false);
  });

  test('ends with the pool: nobody hears of it', async () => {
    const { pool, thread, failures, verdicts } = await opened();
    await pool.close(true);
    thread.die();
    expect(thread.called).toEqual(['load', 'shutdown', 'terminate']);
    expect([failures, verdicts]).toEqual([[], ['alive']]);
    await expect(pool.ensure(0)).rejects.toThrow('the job has ended');
  });

  test('is heard as long as it lives', async () => {
    const { pool, thread, events } = await opened();
    thread.callbacks.onEvent({ kind: 'said' });
    thread.dead = true;
    thread.callbacks.onEvent({ kind: 'said too late' });
    expect(events).toEqual([[0, { kind: 'said' }]]);
    await pool.close(false);
  });
});

describe('a spare', () => {
  test('dies: that is no failure; another is started', async () => {
    const { pool, threads, failures } = await opened();
    pool.refillSpares();
    threads[1]!.ready();
    await settled();
    threads[1]!.die();
    expect(failures).toEqual([]);
    pool.refillSpares();
    expect(threads.map(({ link }) => link.name)).toEqual([
      'holdfast-slot-0',
      'holdfast-spare',
      'holdfast-spare',
    ]);
    await pool.close(false);
  });

  test('takes the slot of a dead thread, with an incarnation of its own', async () => {
    const { pool, thread, threads, failures, events } = await opened();
    pool.refillSpares();
    const spare = threads[1]!;
    spare.ready();
    await settled();
    spare.callbacks.onEvent({ kind: 'said as a spare' });
    thread.die();
    expect(await pool.ensure(0)).toBe(true);
    expect([pool.link(0), pool.incarnation(0), spare.link.name]).toEqual([
      spare.link,
      2,
      'holdfast-slot-0',
    ]);
    expect(await pool.ensure(0)).toBe(false);
    spare.callbacks.onEvent({ kind: 'said for the slot' });
    expect(events).toEqual([[0, { kind: 'said for the slot' }]]);
    spare.die();
    expect(failures).toHaveLength(2);
    await pool.close(false);
  });
});
