import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Failure } from '../../src/base/failure.js';
import {
  Coordinator,
  type CoordinatorCommand,
  type CoordinatorEvent,
  type CoordinatorOptions,
} from '../../src/checkpoint/coordinator.js';

const OPTIONS: CoordinatorOptions = {
  intervalMs: 100,
  timeoutMs: 1_000,
  minPauseMs: 0,
  tolerableFailures: 0,
  periodic: true,
  maxConcurrent: 1,
};
const FAILURE: Failure = { kind: 'checkpoint', name: 'Error', message: 'disk on fire' };

function start(options: Partial<CoordinatorOptions> = {}, tasks: readonly string[] = ['a', 'b']) {
  const machine = new Coordinator({ ...OPTIONS, ...options });
  const commands = machine.handle({ kind: 'started', epoch: 1, tasks, lastCheckpoint: 0 }, 0);
  expect(commands).toEqual([]);
  const ack = (task: string, checkpoint: number, now: number, epoch = 1, bytes = 10) =>
    machine.handle({ kind: 'acknowledged', epoch, checkpoint, task, bytes }, now);
  const tick = (now: number) => machine.handle({ kind: 'tick' }, now);
  return { machine, ack, tick };
}

const kinds = (commands: readonly CoordinatorCommand[]) => commands.map((command) => command.kind);

describe('coordinator', () => {
  test('triggers by the interval, writes when all have answered, completes when it is written', () => {
    const { machine, ack, tick } = start();
    expect(machine.nextDeadline()).toBe(100);
    expect(tick(99)).toEqual([]);
    expect(tick(100)).toEqual([{ kind: 'trigger', epoch: 1, checkpoint: 1, final: false }]);
    expect(machine.nextDeadline()).toBe(1_100);
    expect(ack('a', 1, 110)).toEqual([]);
    expect(ack('b', 1, 120)).toEqual([
      { kind: 'write-manifest', epoch: 1, checkpoint: 1, final: false, bytes: 20 },
    ]);
    expect(machine.nextDeadline()).toBeUndefined();
    expect(machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 130)).toEqual([
      { kind: 'completed', epoch: 1, checkpoint: 1, final: false, durationMs: 30, tokens: [] },
    ]);
    expect(machine.nextDeadline()).toBe(200);
  });

  test('one at a time: a trigger that is due meanwhile comes right after, or after the pause', () => {
    for (const minPauseMs of [0, 70]) {
      const { machine, ack, tick } = start({ minPauseMs });
      tick(100);
      expect(tick(250)).toEqual([]);
      ack('a', 1, 260);
      ack('b', 1, 260);
      const commands = machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 270);
      expect(kinds(commands)).toEqual(minPauseMs === 0 ? ['completed', 'trigger'] : ['completed']);
      if (minPauseMs > 0) expect(machine.nextDeadline()).toBe(340);
    }
  });

  test('acknowledgements of others change nothing', () => {
    const { ack, tick } = start();
    tick(100);
    expect(ack('a', 1, 110)).toEqual([]);
    expect(ack('a', 1, 111)).toEqual([]);
    expect(ack('b', 1, 112, 2)).toEqual([]);
    expect(ack('b', 2, 113)).toEqual([]);
    expect(ack('z', 1, 114)).toEqual([]);
    expect(kinds(ack('b', 1, 115))).toEqual(['write-manifest']);
    expect(ack('b', 1, 116)).toEqual([]);
  });

  test('a late one is given up and names whom it waits for', () => {
    const { ack, tick } = start({ tolerableFailures: 1 }, ['a', 'b', 'c']);
    tick(100);
    ack('b', 1, 200);
    expect(tick(1_099)).toEqual([]);
    const commands = tick(1_100);
    expect(kinds(commands)).toEqual(['abort', 'failed', 'trigger']);
    const failed = commands[1] as Extract<CoordinatorCommand, { kind: 'failed' }>;
    expect(failed.failure.code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
    expect(failed.failure.message).toContain("'a', 'c'");
    expect(failed.failure.message).toContain('1000 ms');
    expect(failed.failure.details).toEqual({ checkpoint: 1, missing: ['a', 'c'] });
    expect(ack('a', 1, 1_101)).toEqual([]);
  });

  test('more failures in a row than tolerated give up, once; a success in between resets', () => {
    const { machine, ack, tick } = start({ tolerableFailures: 1 }, ['a']);
    const decline = (checkpoint: number, now: number) =>
      machine.handle({ kind: 'declined', epoch: 1, checkpoint, task: 'a', failure: FAILURE }, now);
    tick(100);
    expect(kinds(decline(1, 110))).toEqual(['abort', 'failed']);
    tick(200);
    ack('a', 2, 210);
    machine.handle({ kind: 'manifest-written', checkpoint: 2 }, 220);
    tick(300);
    expect(kinds(decline(3, 310))).toEqual(['abort', 'failed']);
    tick(400);
    expect(kinds(decline(4, 410))).toEqual(['abort', 'failed', 'give-up']);
    expect(machine.nextDeadline()).toBeUndefined();
    expect(tick(10_000)).toEqual([]);
    expect(machine.handle({ kind: 'stopped' }, 10_001)).toEqual([]);
    machine.handle({ kind: 'started', epoch: 2, tasks: ['a'], lastCheckpoint: 2 }, 10_002);
    expect(tick(10_102)).toEqual([{ kind: 'trigger', epoch: 2, checkpoint: 5, final: false }]);
  });

  test('the end of an epoch aborts what is being collected and counts as no failure', () => {
    const { machine, ack, tick } = start();
    tick(100);
    ack('a', 1, 110);
    expect(kinds(machine.handle({ kind: 'stopped' }, 120))).toEqual(['abort', 'failed']);
    expect(machine.nextDeadline()).toBeUndefined();
    expect(tick(5_000)).toEqual([]);
    machine.handle({ kind: 'started', epoch: 2, tasks: ['a', 'b'], lastCheckpoint: 0 }, 6_000);
    expect(ack('b', 1, 6_001)).toEqual([]);
    expect(tick(6_100)).toEqual([{ kind: 'trigger', epoch: 2, checkpoint: 2, final: false }]);
  });

  test('the end of an epoch leaves a manifest that is being written alone', () => {
    const { machine, ack, tick } = start({}, ['a']);
    tick(100);
    ack('a', 1, 110);
    expect(machine.handle({ kind: 'stopped' }, 120)).toEqual([]);
    machine.handle({ kind: 'started', epoch: 2, tasks: ['a'], lastCheckpoint: 0 }, 130);
    expect(tick(900)).toEqual([]);
    expect(machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 910)).toEqual([
      { kind: 'completed', epoch: 1, checkpoint: 1, final: false, durationMs: 810, tokens: [] },
      { kind: 'trigger', epoch: 2, checkpoint: 2, final: false },
    ]);
  });

  test('requests are coalesced and answered by a checkpoint triggered after them', () => {
    const { machine, ack } = start({ periodic: false }, ['a']);
    expect(machine.nextDeadline()).toBeUndefined();
    const request = (token: number, now: number) =>
      machine.handle({ kind: 'request', token, reason: 'manual' }, now);
    expect(kinds(request(7, 5))).toEqual(['trigger']);
    expect(request(8, 6)).toEqual([]);
    expect(request(9, 7)).toEqual([]);
    ack('a', 1, 8);
    const first = machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 9);
    expect(first[0]).toMatchObject({ kind: 'completed', tokens: [7] });
    expect(first[1]).toMatchObject({ kind: 'trigger', checkpoint: 2 });
    const second = machine.handle(
      { kind: 'declined', epoch: 1, checkpoint: 2, task: 'a', failure: FAILURE },
      10,
    );
    expect(second[1]).toMatchObject({ kind: 'failed', tokens: [8, 9], failure: FAILURE });
  });

  test('a request while nothing runs waits for the next start', () => {
    const machine = new Coordinator({ ...OPTIONS, periodic: false });
    expect(machine.handle({ kind: 'request', token: 1, reason: 'stop' }, 0)).toEqual([]);
    expect(
      machine.handle({ kind: 'started', epoch: 4, tasks: ['a'], lastCheckpoint: 41 }, 10),
    ).toEqual([{ kind: 'trigger', epoch: 4, checkpoint: 42, final: false }]);
  });

  test('the final checkpoint comes at once when all have ended, also without an interval', () => {
    const { machine, ack } = start({ periodic: false, minPauseMs: 500 });
    const end = (task: string, now: number) =>
      machine.handle({ kind: 'task-ended', epoch: 1, task }, now);
    expect(end('a', 10)).toEqual([]);
    expect(end('a', 11)).toEqual([]);
    expect(machine.handle({ kind: 'task-ended', epoch: 9, task: 'b' }, 12)).toEqual([]);
    expect(end('b', 20)).toEqual([{ kind: 'trigger', epoch: 1, checkpoint: 1, final: true }]);
    ack('a', 1, 21);
    expect(ack('b', 1, 22)).toMatchObject([{ kind: 'write-manifest', final: true }]);
    const late = { kind: 'request', token: 5, reason: 'manual' } as const;
    expect(machine.handle(late, 23)).toEqual([]);
    const commands = machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 24);
    expect(commands[0]).toMatchObject({ kind: 'completed', final: true });
    expect(commands[1]).toMatchObject({ kind: 'failed', tokens: [5] });
    expect(commands).toHaveLength(2);
    expect(machine.nextDeadline()).toBeUndefined();
    expect(machine.handle({ kind: 'tick' }, 99_999)).toEqual([]);
    expect(machine.handle({ ...late, token: 6 }, 99_999)).toMatchObject([
      { kind: 'failed', tokens: [6] },
    ]);
  });

  test('tasks that end during a checkpoint still have to answer; the final one follows', () => {
    const { machine, ack, tick } = start();
    tick(100);
    for (const task of ['a', 'b']) machine.handle({ kind: 'task-ended', epoch: 1, task }, 110);
    ack('a', 1, 120);
    expect(kinds(ack('b', 1, 121))).toEqual(['write-manifest']);
    expect(machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 122)).toMatchObject([
      { kind: 'completed', final: false },
      { kind: 'trigger', checkpoint: 2, final: true },
    ]);
  });

  test('a final checkpoint that fails is tried again after the interval, while tolerated', () => {
    const { machine, ack, tick } = start({ periodic: false, tolerableFailures: 1 }, ['a']);
    machine.handle({ kind: 'task-ended', epoch: 1, task: 'a' }, 10);
    ack('a', 1, 20);
    const fail = (checkpoint: number, now: number) =>
      kinds(machine.handle({ kind: 'manifest-failed', checkpoint, failure: FAILURE }, now));
    expect(fail(1, 30)).toEqual(['abort', 'failed']);
    expect(machine.nextDeadline()).toBe(130);
    expect(tick(130)).toEqual([{ kind: 'trigger', epoch: 1, checkpoint: 2, final: true }]);
    ack('a', 2, 140);
    expect(fail(2, 150)).toEqual(['abort', 'failed', 'give-up']);
  });

  test('after a failover that follows the final checkpoint, there is a final one again', () => {
    const { machine, ack } = start({ periodic: false }, ['a']);
    machine.handle({ kind: 'task-ended', epoch: 1, task: 'a' }, 10);
    ack('a', 1, 20);
    machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 30);
    machine.handle({ kind: 'stopped' }, 40);
    machine.handle({ kind: 'started', epoch: 2, tasks: ['a'], lastCheckpoint: 1 }, 50);
    expect(machine.handle({ kind: 'task-ended', epoch: 2, task: 'a' }, 60)).toEqual([
      { kind: 'trigger', epoch: 2, checkpoint: 2, final: true },
    ]);
  });
});

describe('checkpoints that overlap', () => {
  const overlapping = (options: Partial<CoordinatorOptions> = {}, tasks = ['a']) =>
    start({ maxConcurrent: 3, ...options }, tasks);
  const told = (commands: readonly CoordinatorCommand[]) =>
    commands.map((one) => (one.kind === 'give-up' ? one.kind : `${one.kind} ${one.checkpoint}`));

  test('the next begins by its interval, and the one beyond the limit waits', () => {
    const { machine, ack, tick } = overlapping();
    expect(told(tick(100))).toEqual(['trigger 1']);
    expect(machine.nextDeadline()).toBe(200);
    expect(told(tick(200))).toEqual(['trigger 2']);
    expect(told(tick(300))).toEqual(['trigger 3']);
    expect(machine.nextDeadline()).toBe(1_100);
    expect(tick(400)).toEqual([]);
    ack('a', 1, 410);
    const commands = machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 420);
    expect(told(commands)).toEqual(['completed 1', 'trigger 4']);
  });

  test('manifests are written in the order of ids, whichever is acknowledged first', () => {
    const { machine, ack, tick } = overlapping();
    for (const now of [100, 200, 300]) tick(now);
    expect(ack('a', 3, 310)).toEqual([]);
    expect(ack('a', 2, 311)).toEqual([]);
    expect(machine.nextDeadline()).toBe(1_100);
    expect(told(ack('a', 1, 312))).toEqual(['write-manifest 1']);
    const written = (checkpoint: number) =>
      told(machine.handle({ kind: 'manifest-written', checkpoint }, 320));
    expect(written(2)).toEqual([]);
    expect(written(1)).toEqual(['completed 1', 'write-manifest 2']);
    expect(written(2)).toEqual(['completed 2', 'write-manifest 3']);
    expect(written(3)).toEqual(['completed 3']);
  });

  test.each([
    ['the oldest is late', { kind: 'tick' }],
    ['one in the middle is declined', declined(2)],
    ['the newest is declined', declined(3)],
  ] as const)('all fall when %s, newest first, and count as one failure', (_, event) => {
    const { machine, ack, tick } = overlapping({ tolerableFailures: 1 }, ['a', 'b']);
    for (const now of [100, 200, 300]) tick(now);
    ack('b', 1, 310);
    const commands = machine.handle(event, 1_100);
    const failed = ['failed 1', 'failed 2', 'failed 3'];
    expect(told(commands)).toEqual(['abort 3', 'abort 2', 'abort 1', ...failed, 'trigger 4']);
    const failures = commands.flatMap((one) => (one.kind === 'failed' ? [one.failure] : []));
    const root = event.kind === 'tick' ? 1 : event.checkpoint;
    for (const [index, { message, code }] of failures.entries()) {
      if (index + 1 === root) continue;
      expect(code).toBe('ERR_HOLDFAST_CHECKPOINT_FAILED');
      expect(message).toContain(`checkpoint ${root}, which was in flight with it, has failed`);
    }
    for (const task of ['a', 'b']) expect(ack(task, 1, 1_101)).toEqual([]);
  });

  test('one that is being written stays when later ones fall, and takes them with it when it fails', () => {
    const { machine, ack, tick } = overlapping({ tolerableFailures: 2 });
    for (const now of [100, 200, 300]) tick(now);
    ack('a', 1, 310);
    expect(told(machine.handle(declined(3), 320))).toEqual([
      ...['abort 3', 'abort 2', 'failed 2', 'failed 3'],
    ]);
    expect(told(tick(400))).toEqual(['trigger 4']);
    expect(ack('a', 4, 410)).toEqual([]);
    const failed = { kind: 'manifest-failed', checkpoint: 1, failure: FAILURE } as const;
    expect(told(machine.handle(failed, 420))).toEqual([
      ...['abort 4', 'abort 1', 'failed 1', 'failed 4'],
    ]);
  });

  test('the end of an epoch leaves only the manifest on its way, and nothing new beside it', () => {
    const { machine, ack, tick } = overlapping();
    for (const now of [100, 200, 300]) tick(now);
    ack('a', 1, 310);
    ack('a', 2, 311);
    expect(told(machine.handle({ kind: 'stopped' }, 320))).toEqual([
      ...['abort 3', 'abort 2', 'failed 2', 'failed 3'],
    ]);
    machine.handle({ kind: 'started', epoch: 2, tasks: ['a'], lastCheckpoint: 0 }, 330);
    expect(tick(900)).toEqual([]);
    expect(told(machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 910))).toEqual([
      ...['completed 1', 'trigger 4'],
    ]);
  });

  test('a request takes the next id at once, or the first that becomes free', () => {
    const { machine, ack, tick } = overlapping({ maxConcurrent: 2 });
    tick(100);
    const request = (token: number) =>
      told(machine.handle({ kind: 'request', token, reason: 'manual' }, 110));
    expect(request(1)).toEqual(['trigger 2']);
    expect(request(2)).toEqual([]);
    ack('a', 2, 120);
    ack('a', 1, 121);
    const first = machine.handle({ kind: 'manifest-written', checkpoint: 1 }, 130);
    expect(told(first)).toEqual(['completed 1', 'write-manifest 2', 'trigger 3']);
    const second = machine.handle({ kind: 'manifest-written', checkpoint: 2 }, 140);
    expect(second).toMatchObject([{ kind: 'completed', tokens: [1] }]);
  });

  test('the final checkpoint waits for those in flight, and is alone', () => {
    const { machine, ack, tick } = overlapping();
    for (const now of [100, 200]) tick(now);
    expect(machine.handle({ kind: 'task-ended', epoch: 1, task: 'a' }, 210)).toEqual([]);
    for (const checkpoint of [1, 2]) ack('a', checkpoint, 220);
    const written = (checkpoint: number) =>
      machine.handle({ kind: 'manifest-written', checkpoint }, 230);
    expect(told(written(1))).toEqual(['completed 1', 'write-manifest 2']);
    expect(written(2)).toMatchObject([{ kind: 'completed' }, { kind: 'trigger', final: true }]);
    expect(tick(1_000)).toEqual([]);
    expect(machine.handle({ kind: 'request', token: 1, reason: 'stop' }, 1_001)).toEqual([]);
  });
});

function declined(checkpoint: number) {
  return { kind: 'declined', epoch: 1, checkpoint, task: 'a', failure: FAILURE } as const;
}

interface Open {
  readonly id: number;
  readonly epoch: number;
  readonly final: boolean;
  readonly at: number;
  readonly tasks: readonly string[];
  readonly acks: Set<string>;
}

/** A driver that does the next of all things that could happen, by the numbers it is given. */
class RandomDriver {
  readonly machine: Coordinator;
  readonly options: CoordinatorOptions;
  now = 0;
  epoch = 0;
  running = false;
  gaveUp = false;
  finalized = false;
  tasks: readonly string[] = [];
  ended = new Set<string>();
  lastId = 0;
  lastCompleted = 0;
  /** In flight, in the order of ids. */
  open: Open[] = [];
  /** Of the first. */
  writing = false;
  /** Aborted by the event that is handled now. */
  aborted: number[] = [];
  token = 0;
  /** Token → newest id triggered when it was asked. */
  readonly asked = new Map<number, number>();

  constructor(options: CoordinatorOptions) {
    this.options = options;
    this.machine = new Coordinator(options);
  }

  handle(event: CoordinatorEvent): void {
    this.aborted = [];
    for (const command of this.machine.handle(event, this.now)) this.check(command);
    // K9: with one that failed, all that were being collected.
    if (this.aborted.length > 0) {
      const since = Math.min(...this.aborted);
      const left = this.open.filter(({ id }) => id < since);
      expect(left.length).toBeLessThanOrEqual(this.writing ? 1 : 0);
      expect(this.aborted).toEqual(this.aborted.toSorted((a, b) => b - a));
    }
    // K8: the first is written as soon as all have answered.
    const [first] = this.open;
    if (first !== undefined) expect(this.writing).toBe(isAnswered(first));
    // I9: nothing waits for ever: a deadline is known whenever time alone has to move things on.
    const late = this.open.find((one) => !isAnswered(one));
    if (late !== undefined) {
      expect(this.machine.nextDeadline()).toBeLessThanOrEqual(late.at + this.options.timeoutMs);
    }
  }

  check(command: CoordinatorCommand): void {
    switch (command.kind) {
      case 'trigger':
        expect(this.open.length).toBeLessThan(this.options.maxConcurrent);
        for (const one of this.open) {
          expect(one).toMatchObject({ epoch: this.epoch, final: false }); // K4, K6
          expect(command.final).toBe(false); // K6
        }
        expect(this.running && !this.gaveUp && !this.finalized).toBe(true);
        expect(command.epoch).toBe(this.epoch);
        expect(command.checkpoint).toBeGreaterThan(this.lastId); // I4, I7
        expect(command.final).toBe(this.ended.size === this.tasks.length);
        this.lastId = command.checkpoint;
        this.open.push({
          id: command.checkpoint,
          epoch: command.epoch,
          final: command.final,
          at: this.now,
          tasks: this.tasks,
          acks: new Set(),
        });
        return;
      case 'write-manifest': {
        const first = this.open[0]!; // K8
        expect(command.checkpoint).toBe(first.id);
        expect(command.epoch).toBe(first.epoch);
        expect(command.epoch).toBe(this.epoch); // I6, I14: one and the same, living epoch
        expect([...first.acks].sort()).toEqual([...this.tasks].sort()); // I6
        expect(command.bytes).toBe(first.acks.size);
        expect(this.writing).toBe(false);
        this.writing = true;
        return;
      }
      case 'abort':
        expect(this.open.map(({ id }) => id)).toContain(command.checkpoint);
        this.aborted.push(command.checkpoint);
        return;
      case 'completed':
        expect(command.checkpoint).toBe(this.open[0]!.id);
        expect(this.writing).toBe(true);
        expect(command.checkpoint).toBeGreaterThan(this.lastCompleted); // I7
        this.lastCompleted = command.checkpoint;
        this.answer(command.tokens, command.checkpoint);
        if (command.final && command.epoch === this.epoch && this.running) this.finalized = true;
        this.close(command.checkpoint);
        return;
      case 'failed':
        if (this.open.some(({ id }) => id === command.checkpoint)) {
          expect(this.aborted).toContain(command.checkpoint);
          this.answer(command.tokens, command.checkpoint);
          this.close(command.checkpoint);
        } else {
          expect(this.finalized).toBe(true);
          for (const token of command.tokens) expect(this.asked.delete(token)).toBe(true);
        }
        return;
      case 'give-up':
        expect(this.running).toBe(true);
        expect(this.gaveUp).toBe(false);
        this.gaveUp = true;
    }
  }

  answer(tokens: readonly number[], checkpoint: number): void {
    for (const token of tokens) {
      expect(checkpoint).toBeGreaterThan(this.asked.get(token)!); // K5
      this.asked.delete(token);
    }
  }

  close(checkpoint: number): void {
    if (this.open[0]!.id === checkpoint) this.writing = false;
    this.open = this.open.filter(({ id }) => id !== checkpoint);
  }

  acknowledge(task: string, epoch: number, checkpoint: number): void {
    const open = this.open.find(({ id }) => id === checkpoint);
    if (open?.epoch === epoch && open.tasks.includes(task)) open.acks.add(task);
    this.handle({ kind: 'acknowledged', epoch, checkpoint, task, bytes: 1 });
  }

  step(action: number, choice: number): void {
    const task = ['t0', 't1', 't2', 't3', 'stranger'][choice % 5]!;
    const back = choice % 7;
    const id =
      this.lastId - (back >= 4 && this.options.maxConcurrent > 1 ? back - 4 : +(back === 6));
    const epoch = this.epoch - (choice % 11 === 10 ? 1 : 0);
    switch (action) {
      case 0:
      case 1:
      case 2:
        this.acknowledge(task, epoch, id);
        return;
      case 3:
        this.now += choice % 50;
        this.handle({ kind: 'tick' });
        return;
      case 4: {
        const due = this.machine.nextDeadline();
        if (due === undefined) return;
        this.now = Math.max(this.now, due);
        this.handle({ kind: 'tick' });
        return;
      }
      case 5:
        if (choice % 2 === 1) return;
        this.handle({ kind: 'declined', epoch, checkpoint: id, task, failure: FAILURE });
        return;
      case 6:
        if (this.running && epoch === this.epoch && this.tasks.includes(task)) {
          this.ended.add(task);
        }
        this.handle({ kind: 'task-ended', epoch, task });
        return;
      case 7:
        this.token += 1;
        this.asked.set(this.token, this.lastId);
        this.handle({ kind: 'request', token: this.token, reason: 'manual' });
        return;
      case 8:
        this.handle({ kind: 'manifest-written', checkpoint: id });
        return;
      case 9:
        if (choice % 3 > 0) return;
        this.handle({ kind: 'manifest-failed', checkpoint: id, failure: FAILURE });
        return;
      case 10:
        this.restart(choice);
    }
  }

  restart(choice: number): void {
    // A fenced epoch can no longer write a manifest: what the machine says while stopping is
    // checked against the epoch that it was.
    if (this.running) {
      this.running = false;
      this.handle({ kind: 'stopped' });
      return;
    }
    this.epoch += 1;
    this.tasks = ['t0', 't1', 't2', 't3'].slice(0, 1 + (choice % 4));
    this.ended = new Set();
    this.running = true;
    this.gaveUp = false;
    this.finalized = false;
    this.handle({
      kind: 'started',
      epoch: this.epoch,
      tasks: this.tasks,
      lastCheckpoint: this.lastCompleted,
    });
  }

  /** From here on everything answers: whatever is open has to end (I9), all requests as well (K5). */
  settle(): void {
    if (!this.running) this.restart(3);
    for (let round = 0; round < 20 && (this.open.length > 0 || this.asked.size > 0); round += 1) {
      if (this.gaveUp) {
        this.restart(0);
        this.restart(3);
      }
      const [open] = this.open;
      if (open === undefined) {
        this.now = Math.max(this.now, this.machine.nextDeadline() ?? this.now);
        this.handle({ kind: 'tick' });
      } else if (this.writing) {
        this.handle({ kind: 'manifest-written', checkpoint: open.id });
      } else if (round % 2 === 0) {
        for (const task of this.tasks) this.acknowledge(task, open.epoch, open.id);
      } else {
        this.now = Math.max(this.now, open.at + this.options.timeoutMs);
        this.handle({ kind: 'tick' });
      }
    }
    expect(this.open).toEqual([]);
    expect([...this.asked]).toEqual([]);
  }
}

function isAnswered({ tasks, acks }: Open): boolean {
  return acks.size === tasks.length;
}

describe('coordinator under a random driver', () => {
  test('I4, I6, I7, I9, I14 and every request answered', () => {
    fc.assert(
      fc.property(
        fc.record({
          periodic: fc.boolean(),
          tolerableFailures: fc.nat(3),
          minPauseMs: fc.constantFrom(0, 30),
          maxConcurrent: fc.constantFrom(1, 2, 3),
        }),
        fc.array(fc.tuple(fc.nat(10), fc.nat(200)), { maxLength: 120 }),
        (options, steps) => {
          const driver = new RandomDriver({ intervalMs: 40, timeoutMs: 200, ...options });
          driver.restart(3);
          for (const [action, choice] of steps) driver.step(action, choice);
          driver.settle();
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
