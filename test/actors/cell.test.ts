import { describe, expect, test } from 'vitest';
import type { Behaviour, Reply, Work } from '../../src/actors/actor.js';
import { Cell, type Life } from '../../src/actors/cell.js';
import type { Failure } from '../../src/base/failure.js';

const FAILURE: Failure = { kind: 'internal', name: 'Error', message: 'broken' };

/** An actor that writes down what happens to it and around it. */
class Stage implements Behaviour<string, string>, Work {
  readonly log: string[] = [];
  readonly cell: Cell<string, string>;
  /** Units of work beside the mailbox. */
  units = 0;
  onReceive: (message: string) => void = () => {};
  woken = 0;

  constructor(capacity?: number, hasWork = true) {
    this.cell = new Cell<string, string>({
      address: { path: 'a/b', incarnation: 7 },
      behaviour: this,
      work: hasWork ? this : undefined,
      capacity,
      surroundings: {
        wake: () => {
          this.woken += 1;
        },
        failed: ({ path, incarnation }, { message }) =>
          this.log.push(`failed ${path} ${incarnation}: ${message}`),
        deadLetter: ({ path, incarnation }, message) =>
          this.log.push(`dead letter to ${path} ${incarnation}: ${message}`),
      },
    });
  }

  receive(message: string): string {
    this.log.push(message);
    this.onReceive(message);
    return message.toUpperCase();
  }

  get runnable(): boolean {
    return this.units > 0;
  }

  run(): boolean {
    if (this.units === 0) return false;
    this.units -= 1;
    this.log.push('work');
    return true;
  }

  flushDue(now: number): number {
    return now + 1;
  }

  async close(): Promise<void> {
    this.log.push('close');
  }

  /** Brings a new cell to this life, and forgets what happened on the way. */
  to(life: Life): this {
    if (life !== 'starting') this.cell.start();
    if (life === 'failed') this.cell.fail(FAILURE);
    if (life === 'stopping') this.cell.halt();
    this.log.length = 0;
    return this;
  }
}

async function stageIn(life: Life): Promise<Stage> {
  const stage = new Stage(1).to(life);
  if (life === 'stopped') await stage.cell.stop();
  stage.log.length = 0;
  expect(stage.cell.life).toBe(life);
  return stage;
}

const LIVES: readonly Life[] = ['starting', 'running', 'failed', 'stopping', 'stopped'];

describe('each event in each life', () => {
  const dead = 'dead letter to a/b 7: x';
  type Table = Readonly<Record<Life, readonly [life: Life, log: readonly string[]]>>;
  const tables: readonly [name: string, act: (stage: Stage) => unknown, table: Table][] = [
    [
      'start',
      ({ cell }) => cell.start(),
      {
        starting: ['running', []],
        running: ['running', []],
        failed: ['failed', []],
        stopping: ['stopping', []],
        stopped: ['stopped', []],
      },
    ],
    [
      'a message, and a turn',
      ({ cell }) => {
        cell.tell('x');
        cell.run(0);
      },
      {
        starting: ['starting', []],
        running: ['running', ['x']],
        failed: ['failed', [dead]],
        stopping: ['stopping', [dead]],
        stopped: ['stopped', [dead]],
      },
    ],
    [
      'a message that is no control, and a turn',
      ({ cell }) => {
        expect(cell.offer('x')).toBe(true);
        cell.run(0);
      },
      {
        starting: ['starting', []],
        running: ['running', ['x']],
        failed: ['failed', [dead]],
        stopping: ['stopping', [dead]],
        stopped: ['stopped', [dead]],
      },
    ],
    [
      'a turn with work to do',
      (stage) => {
        stage.units = 1;
        stage.cell.run(0);
      },
      {
        starting: ['starting', []],
        running: ['running', ['work']],
        failed: ['failed', []],
        stopping: ['stopping', []],
        stopped: ['stopped', []],
      },
    ],
    [
      'a failure, twice',
      ({ cell }) => {
        cell.fail(FAILURE);
        cell.fail(FAILURE);
      },
      {
        starting: ['failed', ['failed a/b 7: broken']],
        running: ['failed', ['failed a/b 7: broken']],
        failed: ['failed', []],
        stopping: ['stopping', []],
        stopped: ['stopped', []],
      },
    ],
    [
      'what it has thrown',
      ({ cell }) => cell.broke(new Error('thrown')),
      {
        starting: ['failed', ['failed a/b 7: thrown']],
        running: ['failed', ['failed a/b 7: thrown']],
        failed: ['failed', []],
        stopping: ['stopping', []],
        stopped: ['stopped', []],
      },
    ],
    [
      'halt',
      ({ cell }) => cell.halt(),
      {
        starting: ['stopping', []],
        running: ['stopping', []],
        failed: ['failed', []],
        stopping: ['stopping', []],
        stopped: ['stopped', []],
      },
    ],
    [
      // It may have gone on opening things while it was closed.
      'stop',
      ({ cell }) => cell.stop(),
      {
        starting: ['stopped', ['close']],
        running: ['stopped', ['close']],
        failed: ['stopped', ['close']],
        stopping: ['stopped', ['close']],
        stopped: ['stopped', ['close']],
      },
    ],
  ];

  test.each(
    tables.flatMap(([name, act, table]) => LIVES.map((life) => ({ name, life, act, table }))),
  )('$name, when $life', async ({ act, life, table }) => {
    const stage = await stageIn(life);
    await act(stage);
    expect([stage.cell.life, stage.log]).toEqual(table[life]);
  });

  test.each(LIVES)('only a running one has anything to do: %s', async (life) => {
    const stage = await stageIn(life);
    stage.units = 1;
    expect(stage.cell.runnable).toBe(life === 'running');
    expect(stage.cell.flushDue(5)).toBe(life === 'running' ? 6 : undefined);
  });
});

describe('a running cell', () => {
  test('reads its messages before it works, control to its end whatever the time (C1)', () => {
    const stage = new Stage(3).to('running');
    const { cell, log } = stage;
    stage.units = 1;
    for (const message of ['a', 'b', 'c']) cell.offer(message);
    for (const message of ['one', 'two', 'three']) cell.tell(message);
    expect(cell.run(0)).toBe(true); // Time is up.
    expect(log).toEqual(['one', 'two', 'three', 'work']);
    cell.run(Number.POSITIVE_INFINITY);
    expect(log.slice(4)).toEqual(['a', 'b', 'c']);
    expect(cell.run(0)).toBe(false);
  });

  test('is runnable, and woken, for a message alone', () => {
    const stage = new Stage().to('running');
    const { cell } = stage;
    expect(cell.runnable).toBe(false);
    cell.tell('x');
    expect([cell.runnable, stage.woken]).toEqual([true, 1]);
    expect(cell.run(0)).toBe(true);
    expect(cell.runnable).toBe(false);
  });

  test('takes control only when it has no room for more', () => {
    const { cell, log } = new Stage().to('running');
    expect(cell.offer('refused')).toBe(false);
    cell.tell('x');
    cell.run(0);
    expect(log).toEqual(['x']);
  });

  test('may have no other work', () => {
    const { cell, log } = new Stage(1, false).to('running');
    expect([cell.runnable, cell.run(0), cell.flushDue(0)]).toEqual([false, false, undefined]);
    cell.offer('x');
    expect([cell.runnable, cell.run(0), cell.runnable]).toEqual([true, true, false]);
    expect(log).toEqual(['x']);
  });

  test('reads what it is told by itself in the same turn', () => {
    const stage = new Stage().to('running');
    stage.onReceive = (message) => {
      if (message === 'first') stage.cell.tell('second');
    };
    stage.cell.tell('first');
    stage.cell.run(0);
    expect(stage.log).toEqual(['first', 'second']);
  });
});

test('what came before the start is read after it', () => {
  const { cell, log } = new Stage().to('starting');
  cell.tell('x');
  expect([cell.run(0), cell.runnable]).toEqual([false, false]);
  cell.start();
  cell.run(0);
  expect(log).toEqual(['x']);
});

describe('whoever asks', () => {
  const dead: Reply<string> = { kind: 'dead-letter' };

  test('is answered when the message is handled', async () => {
    const { cell } = new Stage().to('running');
    const asked = cell.ask('x');
    cell.run(0);
    expect(await asked).toEqual({ kind: 'handled', answer: 'X' });
  });

  test.each(['failed', 'stopping', 'stopped'] as const)(
    'hears at once that it is %s',
    async (life) => {
      const { cell, log } = await stageIn(life);
      expect(await cell.ask('x')).toEqual(dead);
      expect(log).toEqual([]); // It is told of where it was asked, and nowhere else.
    },
  );

  test.each<[string, (stage: Stage) => unknown]>([
    ['fails', ({ cell }) => cell.fail(FAILURE)],
    ['is halted', ({ cell }) => cell.halt()],
    ['is stopped', ({ cell }) => cell.stop()],
  ])('hears that it %s before it was its turn', async (_, act) => {
    for (const life of ['starting', 'running'] as const) {
      const stage = new Stage(1).to(life);
      const asked = stage.cell.ask('x');
      stage.cell.offer('told');
      act(stage);
      expect(await asked).toEqual(dead);
      expect(stage.log).toContain('dead letter to a/b 7: told');
      expect(stage.log).not.toContain('x');
    }
  });

  test.each<[string, (stage: Stage) => void]>([
    [
      'throws',
      () => {
        throw new Error('in the midst of it');
      },
    ],
    ['says that it fails', ({ cell }) => cell.fail({ ...FAILURE, message: 'in the midst of it' })],
  ])('hears when the actor %s in it, and in those behind it (C4)', async (_, act) => {
    const stage = new Stage().to('running');
    stage.units = 1;
    stage.onReceive = () => act(stage);
    const asked = [stage.cell.ask('x'), stage.cell.ask('y')];
    expect(stage.cell.run(Number.POSITIVE_INFINITY)).toBe(true);
    expect(await Promise.all(asked)).toEqual([dead, dead]);
    // It neither goes on, nor works.
    expect(stage.log).toEqual(['x', 'failed a/b 7: in the midst of it']);
    expect(stage.cell.life).toBe('failed');
  });

  test('hears of the answer although the actor stops the next moment', async () => {
    const stage = new Stage().to('running');
    const asked = stage.cell.ask('x');
    stage.cell.run(0);
    stage.cell.halt();
    expect(await asked).toEqual({ kind: 'handled', answer: 'X' });
  });
});

test('one that cannot give back what it holds has stopped all the same', async () => {
  const stage = new Stage().to('running');
  stage.close = async () => {
    throw new Error('does not close');
  };
  await expect(stage.cell.stop()).rejects.toThrow('does not close');
  expect(stage.cell.life).toBe('stopped');
});
