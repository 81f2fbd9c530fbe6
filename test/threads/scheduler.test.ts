import { describe, expect, test } from 'vitest';
import { Scheduler, type Sleeper } from '../../src/threads/scheduler.js';
import type { Tasklet } from '../../src/threads/tasklet.js';

class CountingSleeper implements Sleeper {
  armed = 0;
  canceled = 0;
  onWake = () => {};
  onArm = () => {};

  arm(): void {
    this.armed += 1;
    this.onArm();
  }

  cancel(): void {
    this.canceled += 1;
  }
}

/** Has `units` of work; each takes one run. */
class Worker implements Tasklet {
  readonly name: string;
  units: number;
  ran = 0;
  due: number | undefined;
  error: string | undefined;
  flushed = 0;

  constructor(name: string, units: number) {
    this.name = name;
    this.units = units;
  }

  get runnable(): boolean {
    return this.units > 0;
  }

  run(): boolean {
    if (this.units === 0) return false;
    this.units -= 1;
    this.ran += 1;
    return true;
  }

  broke(error: unknown): void {
    this.error = (error as Error).message;
  }

  flushDue(now: number): number | undefined {
    if (this.due === undefined || now < this.due) return this.due;
    this.due = undefined;
    this.flushed += 1;
    return undefined;
  }
}

async function settled(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1_000 && !condition(); i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(condition()).toBe(true);
}

describe('the scheduler', () => {
  test('runs every tasklet until nothing moves, then sleeps', async () => {
    const sleeper = new CountingSleeper();
    const scheduler = new Scheduler({ sleeper });
    const tasklets = [new Worker('a', 5), new Worker('b', 500), new Worker('c', 0)];
    for (const tasklet of tasklets) scheduler.add(tasklet);
    await settled(() => sleeper.armed > 0);
    expect(tasklets.map((tasklet) => tasklet.ran)).toEqual([5, 500, 0]);
  });

  test('work that arrives between the last look and going to sleep is not missed', async () => {
    const sleeper = new CountingSleeper();
    const scheduler = new Scheduler({ sleeper });
    const tasklet = new Worker('a', 1);
    let late = 3;
    sleeper.onArm = () => {
      if (late > 0) tasklet.units += 1;
      late -= 1;
    };
    scheduler.add(tasklet);
    await settled(() => tasklet.ran === 4);
    expect(sleeper.canceled).toBeGreaterThanOrEqual(3);
  });

  test('a wake-up brings a sleeping thread back', async () => {
    const sleeper = new CountingSleeper();
    const scheduler = new Scheduler({ sleeper });
    const tasklet = new Worker('a', 0);
    scheduler.add(tasklet);
    await settled(() => sleeper.armed === 1);
    tasklet.units = 7;
    sleeper.onWake();
    await settled(() => tasklet.ran === 7);
  });

  test('buffered output is flushed when it is due although nothing else happens', async () => {
    const sleeper = new CountingSleeper();
    const scheduler = new Scheduler({ sleeper });
    const tasklet = new Worker('a', 0);
    tasklet.due = performance.now() + 5;
    scheduler.add(tasklet);
    await settled(() => tasklet.flushed === 1);
  });

  test('a tasklet that throws is taken off and told so; the others go on', async () => {
    const sleeper = new CountingSleeper();
    const scheduler = new Scheduler({ sleeper });
    const broken = new Worker('broken', 1);
    broken.run = () => {
      throw new Error('broken in two');
    };
    const healthy = new Worker('healthy', 100);
    scheduler.add(broken);
    scheduler.add(healthy);
    await settled(() => healthy.ran === 100);
    expect([broken.error, healthy.error]).toEqual(['broken in two', undefined]);
  });

  test('sleeps through what is due in longer than a timer can wait', async () => {
    const sleeper = new CountingSleeper();
    const scheduler = new Scheduler({ sleeper });
    const tasklet = new Worker('a', 1);
    tasklet.due = performance.now() + 100 * 365 * 86_400_000;
    scheduler.add(tasklet);
    await settled(() => sleeper.armed > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sleeper.armed).toBe(1);
    tasklet.due = undefined;
    scheduler.wake();
  });
});
