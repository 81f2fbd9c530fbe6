/** Parts of a graph without a connection fail and recover by themselves. */

import { describe, expect, test } from 'vitest';
import {
  fixedDelay,
  type Job,
  type JobTreeNode,
  type RestartedEvent,
  type RunOptions,
} from '../../dist/index.js';
import { words } from './fixtures/regions.job.js';
import { fixture, Meter, temporaryFolder, totalsProblems, until } from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 2_000;

interface Stage {
  readonly job: Job;
  readonly left: Meter;
  readonly right: Meter;
  readonly restarted: RestartedEvent[];
  readonly at: (word: keyof typeof words) => number;
  readonly set: (word: keyof typeof words, value: number) => void;
}

async function start(options: RunOptions = {}): Promise<Stage> {
  const left = new Meter(COUNT / 4);
  const right = new Meter(COUNT / 4);
  const shared = new Int32Array(new SharedArrayBuffer(64));
  const job = await run(fixture('regions'), {
    parallelism: 2,
    spares: 0,
    checkpoint: { directory: await temporaryFolder(), intervalMs: 20 },
    restart: fixedDelay({ attempts: 5, delayMs: 1 }),
    ...options,
    args: {
      count: COUNT,
      splits: 2,
      leftMeter: left.shared,
      rightMeter: right.shared,
      words: shared.buffer,
      ...options.args,
    },
  });
  const restarted: RestartedEvent[] = [];
  job.on('restarted', (event) => restarted.push(event));
  return {
    job,
    left,
    right,
    restarted,
    at: (word) => Atomics.load(shared, words[word]),
    set: (word, value) => void Atomics.store(shared, words[word], value),
  };
}

async function finish({ job, left, right }: Stage): Promise<number> {
  left.raise(COUNT);
  right.raise(COUNT);
  const result = await job.finished;
  expect(totalsProblems(result.collected['left'] ?? [], COUNT)).toEqual([]);
  expect(totalsProblems(result.collected['right'] ?? [], COUNT)).toEqual([]);
  expect(result.sourceRecords).toBe(2 * COUNT);
  return result.restarts;
}

describe('a failing operator whose thread survives', () => {
  test('restarts its own region; the other one works on, and is not read again', async () => {
    const it = await start({ restart: fixedDelay({ attempts: 5, delayMs: 300 }) });
    await until(() => it.at('leftWorked') + it.at('rightWorked') === COUNT / 2, it.job);
    await it.job.checkpointNow();
    const opened = it.at('rightOpened');
    it.set('leftFails', 1);
    it.left.raise(COUNT / 2);
    await until(() => it.job.status === 'restarting', it.job);
    // In the meantime the other side does its work.
    it.right.raise(COUNT / 2);
    await until(() => it.at('rightWorked') === COUNT / 2, it.job);
    expect(it.job.status).toBe('restarting');
    await until(() => it.restarted.length === 1 && it.job.status === 'running', it.job);
    expect(it.restarted[0]).toMatchObject({
      region: 'left-side',
      cause: 'user-code',
      respawned: [],
    });
    expect(it.restarted[0]!.failure).toMatchObject({
      name: 'RangeError',
      message: 'this side fails',
    });
    expect(await finish(it)).toBe(1);
    expect(it.at('rightOpened')).toBe(opened);
    expect(it.at('rightWorked')).toBe(COUNT);
  });

  test('spends the budget of its own region; that of the other one is left', async () => {
    const it = await start({
      restart: fixedDelay({ attempts: 2, delayMs: 0 }),
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    });
    it.set('leftFails', COUNT);
    it.left.raise(COUNT / 2);
    await expect(it.job.finished).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_RESTART_BUDGET',
      details: { attempts: 2 },
    });
    expect(it.restarted.every(({ region }) => region === 'left-side')).toBe(true);
  });

  test('no checkpoint completes while a region is down; one that is asked for waits', async () => {
    const it = await start({ restart: fixedDelay({ attempts: 5, delayMs: 200 }) });
    it.set('leftFails', 1);
    it.left.raise(COUNT / 2);
    await until(() => it.job.status === 'restarting', it.job);
    const { completed } = (await it.job.metrics()).checkpoints;
    const asked = it.job.checkpointNow().then(() => it.job.status);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect((await it.job.metrics()).checkpoints.completed).toBe(completed);
    expect(await asked).toBe('running');
    expect(await finish(it)).toBe(1);
  });

  test('a region that has come to its end stays there while the other one restarts', async () => {
    const it = await start();
    it.right.raise(COUNT);
    await until(() => it.at('rightWorked') === COUNT, it.job);
    await it.job.checkpointNow();
    const opened = it.at('rightOpened');
    it.set('leftFails', 1);
    it.left.raise(COUNT / 2);
    await until(() => it.restarted.length === 1, it.job);
    expect(await finish(it)).toBe(1);
    expect(it.at('rightOpened')).toBe(opened);
  });
});

describe('a thread that dies', () => {
  test('restarts the regions that had tasks on it', async () => {
    const it = await start();
    await it.job.checkpointNow();
    it.job.kill(1, 'terminate');
    it.left.raise(COUNT / 2);
    it.right.raise(COUNT / 2);
    await until(() => it.restarted.length === 2, it.job);
    expect(it.restarted.map(({ region }) => region).sort()).toEqual(['left-side', 'right-side']);
    for (const event of it.restarted) {
      expect(event).toMatchObject({ cause: 'terminate', slot: 1, respawned: [1] });
    }
    expect(await finish(it)).toBe(2);
  });

  test('and no other', async () => {
    const it = await start({ args: { narrow: true, splits: 1 } });
    await it.job.checkpointNow();
    const { regions } = it.job.plan();
    expect(regions.map(({ slots }) => slots)).toEqual([[1], [0]]);
    const opened = it.at('rightOpened');
    it.job.kill(1, 'exit');
    it.left.raise(COUNT / 2);
    await until(() => it.restarted.length === 1, it.job);
    expect(it.restarted[0]).toMatchObject({ region: 'left-side', cause: 'exit', respawned: [1] });
    expect(await finish(it)).toBe(1);
    expect(it.at('rightOpened')).toBe(opened);
  });

  test('because its tasks of a failed region did not stop: the others are told, and recover', async () => {
    const it = await start({
      // Long enough for a busy machine to stop those that can be stopped.
      restart: fixedDelay({ attempts: 5, delayMs: 0, resetTimeoutMs: 1_000 }),
      heartbeat: { timeoutMs: 30_000 },
    });
    await it.job.checkpointNow();
    const failures: string[] = [];
    it.job.on('failure', ({ message }) => failures.push(message));
    it.set('rightSticks', 1);
    it.right.raise(COUNT / 2);
    await until(() => it.at('rightSticks') === 2, it.job);
    // The other thread's tasks fail; the stuck one cannot let go of the failed region's.
    it.set('leftFails', 1);
    it.left.raise(COUNT / 2);
    await until(() => it.restarted.length === 2, it.job);
    expect(failures).toHaveLength(2);
    expect(failures[0]).toBe('this side fails');
    expect(failures[1]).toContain('did not stop within restart.resetTimeoutMs (1000)');
    expect(await finish(it)).toBe(2);
  });
});

describe('a group of regions', () => {
  const group = (
    operators: readonly string[],
    strategy: 'one-for-one' | 'one-for-all' | 'rest-for-one',
  ): RunOptions => ({
    supervision: {
      groups: [
        {
          name: 'both',
          operators,
          strategy,
          restart: fixedDelay({ attempts: 2, delayMs: 1 }),
        },
      ],
    },
  });
  const failLeft = async (it: Stage): Promise<void> => {
    await until(() => it.at('leftWorked') + it.at('rightWorked') === COUNT / 2, it.job);
    await it.job.checkpointNow();
    it.set('leftFails', 1);
    it.left.raise(COUNT / 2);
    await until(() => it.job.status === 'restarting', it.job);
    it.right.raise(COUNT / 2);
  };

  test('one-for-all: all go back together', async () => {
    const it = await start(group(['left-side', 'right-side'], 'one-for-all'));
    const opened = it.at('rightOpened');
    await failLeft(it);
    await until(() => it.restarted.length === 2, it.job);
    expect(it.at('rightOpened')).toBeGreaterThan(opened);
    const [first, second] = it.restarted;
    expect(first!.failure).toEqual(second!.failure);
    expect(await finish(it)).toBe(2);
  });

  test.each([
    [['left-side', 'right-side'], 2],
    [['right-side', 'left-side'], 1],
  ])('rest-for-one, listed as %j: those after the failed one go back too', async (order, count) => {
    const it = await start(group(order, 'rest-for-one'));
    await failLeft(it);
    await until(() => it.restarted.length === count && it.job.status === 'running', it.job);
    expect(await finish(it)).toBe(count);
  });

  test('shares one budget', async () => {
    const it = await start({
      ...group(['left-side', 'right-side'], 'one-for-one'),
      checkpoint: { directory: await temporaryFolder(), intervalMs: 3_600_000 },
    });
    for (let i = 0; i < 2; i += 1) {
      const before = it.restarted.length;
      it.set('leftFails', 1);
      it.left.raise(COUNT / 4 + (i + 1) * 100);
      await until(() => it.restarted.length > before && it.job.status === 'running', it.job);
    }
    const region = it.job.tree().children.find(({ kind }) => kind === 'group');
    expect(region).toMatchObject({
      id: 'both',
      restarts: 2,
      budget: expect.stringContaining('2 of 2'),
    });
    it.job.kill(0, 'terminate');
    await expect(it.job.finished).rejects.toMatchObject({ code: 'ERR_HOLDFAST_RESTART_BUDGET' });
  });

  test('that names what is not there keeps the job from starting', async () => {
    await expect(start(group(['middle'], 'one-for-one'))).rejects.toMatchObject({
      code: 'ERR_HOLDFAST_BAD_OPTION',
    });
  });
});

describe('the tree', () => {
  test('shows who supervises whom, and what has happened to them', async () => {
    const it = await start();
    await it.job.checkpointNow();
    expect(shape(it.job.tree())).toEqual([
      'job regions running one-for-all',
      '  coordinator coordinator running',
      ...['left', 'right'].flatMap((side) => [
        `  region ${side}-side running one-for-all 0 of 5 restarts without progress, after 1 ms`,
        ...[0, 1].flatMap((slot) => [
          `    slot slot ${slot} running one-for-all`,
          `      task ${side}-side#${slot} running`,
          `      task ${side}-totals#${slot} running`,
        ]),
      ]),
    ]);
    it.set('leftFails', 1);
    it.left.raise(COUNT / 2);
    await until(() => it.restarted.length === 1 && it.job.status === 'running', it.job);
    const [, left, right] = it.job.tree().children;
    expect(left).toMatchObject({ restarts: 1, lastFailure: { message: 'this side fails' } });
    expect(right).toMatchObject({ restarts: 0, lastFailure: undefined });
    expect(left!.upMs!).toBeLessThan(right!.upMs!);
    expect(left!.children.filter(({ lastFailure }) => lastFailure !== undefined)).toHaveLength(1);
    await finish(it);
    const ended = it.job.tree();
    expect(ended.state).toBe('down');
    expect(ended.children.every(({ state }) => state === 'down')).toBe(true);
  });
});

function shape(node: JobTreeNode, depth = 0): string[] {
  const { kind, id, state, strategy, budget, children } = node;
  const words = [kind, id, state, strategy, budget];
  const line = words.filter((word) => word !== undefined).join(' ');
  return [`${'  '.repeat(depth)}${line}`, ...children.flatMap((child) => shape(child, depth + 1))];
}

test('both sides killed at random come out exactly right', async () => {
  // More than there are failures: a checkpoint may complete before anything new was read, and refills nothing then.
  const it = await start({ restart: fixedDelay({ attempts: 10, delayMs: 1 }) });
  for (const [i, cause] of (['throw', 'terminate', 'exit', 'terminate'] as const).entries()) {
    it.left.raise((COUNT / 8) * (i + 3));
    it.right.raise((COUNT / 8) * (i + 3));
    if (i % 2 === 1) it.set('leftFails', 1);
    const before = it.restarted.length;
    it.job.kill(i % 2, cause);
    await until(() => it.restarted.length >= before + 2 && it.job.status === 'running', it.job);
    await checkpointThroughFailures(it.job);
  }
  await finish(it);
});

/** The left may fail later than the thread, and then in the middle of a checkpoint: it is asked for again, as its error says. */
async function checkpointThroughFailures(job: Job): Promise<void> {
  for (;;) {
    try {
      await job.checkpointNow();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_HOLDFAST_CHECKPOINT_FAILED') throw error;
    }
  }
}
