import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { createRing } from '../../dist/channels/ring.js';
import { ControlBlock } from '../../dist/threads/control-block.js';
import { ringDoorbell, Sleeper } from '../../dist/threads/doorbell.js';

const workers: Worker[] = [];

function start(file: string, workerData: object): Worker {
  const worker = new Worker(new URL(file, import.meta.url), { workerData, execArgv: [] });
  workers.push(worker);
  return worker;
}

/** The next message of this kind; rejects when the worker fails. */
async function message<T = unknown>(worker: Worker, kind: string): Promise<T> {
  for (;;) {
    const [given] = (await once(worker, 'message')) as [{ kind: string } & T];
    if (given.kind === kind) return given;
  }
}

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

describe('a channel between two threads', () => {
  it('passes 200 000 records in order through a small ring, both ends sleeping and waking', async () => {
    const count = 200_000;
    const ring = createRing(4_096);
    const from = new ControlBlock().shared;
    const to = new ControlBlock().shared;
    const consumer = start('./channel-consumer.mjs', { ring, own: to, producer: from, count });
    const producer = start('./channel-producer.mjs', { ring, own: from, consumer: to, count });
    const received = message<Record<string, unknown>>(consumer, 'received');
    const sent = message<{ sleeps: number }>(producer, 'sent');
    const half = message(producer, 'half');
    const asleep = message(consumer, 'asleep');
    // Nobody takes before the producer sleeps: only its doorbell can wake it.
    await message(producer, 'blocked');
    consumer.postMessage('begin');
    // Nobody pushes before the consumer sleeps: only its doorbell can wake it.
    await Promise.all([half, asleep]);
    producer.postMessage('go on');
    const result = await received;
    expect(result).toMatchObject({ records: count, watermarks: 20, wrong: undefined });
    expect(result['wakes']).toBeGreaterThan(0);
    expect((await sent).sleeps).toBeGreaterThan(0);
  });
});

describe('doorbell', () => {
  const rung = (sleeper: Sleeper): Promise<void> =>
    new Promise((resolve) => {
      sleeper.onWake = resolve;
    });
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('wakes a sleeper once for any number of rings', async () => {
    const block = new ControlBlock();
    const sleeper = new Sleeper(block);
    let wakes = 0;
    sleeper.onWake = () => {
      wakes += 1;
    };
    ringDoorbell(block);
    await turn();
    expect(wakes).toBe(0);
    for (let i = 1; i <= 10; i += 1) {
      const woken = rung(sleeper);
      sleeper.arm();
      ringDoorbell(block);
      ringDoorbell(block);
      await woken;
      sleeper.onWake = () => {
        wakes += 1;
      };
      ringDoorbell(block);
      await turn();
      expect(wakes).toBe(0);
    }
  });

  it('does not wake after cancel, and wakes again after the next arm', async () => {
    const block = new ControlBlock();
    const sleeper = new Sleeper(block);
    let wakes = 0;
    sleeper.onWake = () => {
      wakes += 1;
    };
    sleeper.arm();
    ringDoorbell(block);
    sleeper.cancel();
    for (let i = 0; i < 5; i += 1) await turn();
    expect(wakes).toBe(0);
    const woken = rung(sleeper);
    sleeper.arm();
    ringDoorbell(block);
    await woken;
  });

  it('keeps one wait pending, however often it is armed', () => {
    const block = new ControlBlock();
    const sleeper = new Sleeper(block);
    for (let i = 0; i < 10_000; i += 1) {
      sleeper.arm();
      sleeper.cancel();
    }
    expect(Atomics.notify(block.words, block.doorbellIndex)).toBe(1);
  });

  it('lets its thread be terminated while it sleeps and is being rung', async () => {
    const block = new ControlBlock();
    for (let round = 0; round < 10; round += 1) {
      const sleepers = Array.from({ length: 4 }, () =>
        start('./channel-sleeper.mjs', { block: block.shared }),
      );
      await Promise.all(sleepers.map((worker) => message(worker, 'asleep')));
      const ends = sleepers.map((worker) => worker.terminate());
      for (let i = 0; i < 1_000; i += 1) Atomics.notify(block.words, block.doorbellIndex);
      await Promise.all(ends);
    }
    expect(Atomics.notify(block.words, block.doorbellIndex)).toBe(0);
  });
});
