import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import { isHoldfastError } from '../../dist/base/errors.js';
import {
  type SpawnOptions,
  spawnWorker,
  type WorkerHandle,
} from '../../dist/threads/worker-handle.js';

interface Methods {
  die(how: string, given?: unknown): void;
  sum(...numbers: number[]): Promise<number>;
  fail(): void;
  never(): Promise<void>;
  unreadable(): unknown;
  length(message: { buffer: ArrayBuffer }): number;
  emit(count: number): void;
  progress(count: number): void;
  missing(): void;
}

type Death = Parameters<SpawnOptions['onDeath']>[0];

class Subject {
  readonly events: { readonly event: unknown; readonly dead: boolean }[] = [];
  readonly deaths: Death[] = [];
  readonly log: string[] = [];
  beats = 0;
  readonly death: Promise<Death>;
  readonly handle: WorkerHandle<Methods>;
  #seen: { readonly event: unknown; readonly resolve: () => void }[] = [];

  constructor(fixture: string, options: Partial<SpawnOptions> = {}) {
    let died: (death: Death) => void;
    this.death = new Promise((resolve) => {
      died = resolve;
    });
    this.handle = spawnWorker<Methods>({
      entry: new URL(`./fixtures/${fixture}.mjs`, import.meta.url),
      name: 'subject',
      heartbeatIntervalMs: 10,
      onEvent: (event) => {
        this.events.push({ event, dead: this.handle.dead });
        this.log.push('event');
        for (const seen of this.#seen) if (seen.event === event) seen.resolve();
      },
      onBeat: (beat) => {
        expect(beat.heapUsedBytes).toBeGreaterThan(0);
        expect(beat.heapLimitBytes).toBeGreaterThan(beat.heapUsedBytes);
        this.beats += 1;
        this.log.push('beat');
      },
      onDeath: (death) => {
        this.deaths.push(death);
        this.log.push('death');
        died(death);
      },
      ...options,
    });
    subjects.push(this);
  }

  seen(event: unknown): Promise<void> {
    if (this.events.some((entry) => entry.event === event)) return Promise.resolve();
    return new Promise((resolve) => this.#seen.push({ event, resolve }));
  }

  static async ready(options: Partial<SpawnOptions> = {}): Promise<Subject> {
    const subject = new Subject('worker-deaths', options);
    await subject.seen('ready');
    return subject;
  }
}

const subjects: Subject[] = [];

afterEach(async () => {
  for (const subject of subjects.splice(0)) {
    await subject.handle.terminate('the test is over');
    await new Promise(setImmediate);
    // Of every thread in every test: one death, and nothing after it.
    expect(subject.deaths).toHaveLength(1);
    expect(subject.log.at(-1)).toBe('death');
    expect(subject.handle.dead).toBe(true);
    expect(subject.handle.utilization()).toBeUndefined();
  }
});

async function rejection(promise: Promise<unknown>): Promise<Error & { code: string }> {
  return await promise.then(
    (value) => {
      throw new Error(`it answered ${String(value)}`);
    },
    (error) => error,
  );
}

describe('death of a worker', () => {
  const mishap = {
    kind: 'thread-error',
    name: 'Mishap',
    message: 'it broke',
    code: 'E_MISHAP',
    stack: expect.stringContaining('worker-deaths.mjs'),
    cause: { name: 'TypeError', message: 'because of this' },
    exitCode: 1,
  };
  const exited = (exitCode: number) => ({
    kind: 'thread-exit',
    code: 'ERR_HOLDFAST_WORKER_DIED',
    message: expect.stringContaining(`exit code ${exitCode}`),
    exitCode,
  });

  it.each<[string, unknown, string, number, object]>([
    ['throw', undefined, 'error', 1, mishap],
    ['reject', undefined, 'error', 1, mishap],
    ['throw-nothing', undefined, 'error', 1, { message: 'thrown value: undefined' }],
    ['throw-uncloneable', undefined, 'error', 1, { name: 'Error', code: 'E_FN' }],
    ['exit', 0, 'exit', 0, exited(0)],
    ['exit', 1, 'exit', 1, exited(1)],
    ['exit', 7, 'exit', 7, exited(7)],
    ['close', undefined, 'ended', 0, { kind: 'thread-exit', exitCode: 0 }],
    ['close-and-throw', undefined, 'error', 1, { kind: 'thread-error', message: 'it broke' }],
  ])('%s %s: %s, exit code %i', async (how, given, cause, exitCode, failure) => {
    const subject = await Subject.ready();
    const call = subject.handle.call('never', []);
    const refused = rejection(call);
    void subject.handle.call('die', [how, given]).catch(() => {});
    const death = await subject.death;
    expect(death).toMatchObject({ cause, exitCode, failure });
    expect(structuredClone(death)).toEqual(death);
    expect(await refused).toMatchObject({ code: 'ERR_HOLDFAST_WORKER_DIED' });
  });

  it('a full heap, with its limit', async () => {
    const subject = await Subject.ready({ resourceLimits: { maxOldGenerationSizeMb: 24 } });
    void subject.handle.call('die', ['out-of-memory']).catch(() => {});
    expect(await subject.death).toMatchObject({
      cause: 'out-of-memory',
      exitCode: 1,
      failure: {
        kind: 'out-of-memory',
        code: 'ERR_HOLDFAST_WORKER_OUT_OF_MEMORY',
        message: expect.stringContaining('24 MB'),
        cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' },
      },
    });
  });

  it.each(['loop', 'regex', 'wait'])('terminated in a %s', async (how) => {
    const subject = await Subject.ready();
    void subject.handle.call('die', [how]).catch(() => {});
    await subject.seen('stuck');
    await subject.handle.terminate('it hangs');
    expect(subject.deaths).toMatchObject([
      {
        cause: 'terminated',
        exitCode: 1,
        failure: {
          kind: 'thread-exit',
          code: 'ERR_HOLDFAST_WORKER_DIED',
          message: "thread 'subject' was ended: it hangs.",
        },
      },
    ]);
    expect(subject.handle.zombie).toBe(false);
  });

  it('terminated while idle, while starting, and twice', async () => {
    for (const subject of [await Subject.ready(), new Subject('worker-deaths')]) {
      const first = subject.handle.terminate('first');
      expect(subject.handle.dead).toBe(true);
      await Promise.all([first, subject.handle.terminate('second')]);
      expect(subject.deaths).toMatchObject([
        { cause: 'terminated', failure: { message: expect.stringContaining('first') } },
      ]);
    }
  });

  it('a thread in a blocking native call is given up as a zombie, and not heard again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-'));
    const [ready, pipe] = [join(directory, 'ready'), join(directory, 'pipe')];
    execFileSync('mkfifo', [pipe]);
    try {
      const subject = await Subject.ready({ zombieAfterMs: 50 });
      void subject.handle.call('die', ['native-call', [ready, pipe]]).catch(() => {});
      while (!existsSync(ready)) await sleep(5);
      await subject.handle.terminate('it hangs');
      expect(subject.deaths).toMatchObject([{ cause: 'terminated', exitCode: undefined }]);
      expect(subject.handle.zombie).toBe(true);
      const count = subject.log.length;
      writeFileSync(pipe, 'go on'); // The native call returns, and the thread can end.
      await sleep(100);
      expect(subject.log).toHaveLength(count);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('before it has connected', async () => {
    expect(await new Subject('worker-unconnected').death).toMatchObject({
      cause: 'exit',
      exitCode: 0,
      failure: { message: expect.stringContaining('nobody had closed it') },
    });
    expect(await new Subject('worker-throws-early').death).toMatchObject({
      cause: 'error',
      exitCode: 1,
      failure: { message: 'before it connects' },
    });
    expect(await new Subject('worker-missing-import').death).toMatchObject({
      cause: 'error',
      failure: { code: 'ERR_MODULE_NOT_FOUND' },
    });
    expect(await new Subject('there-is-no-such-file').death).toMatchObject({ cause: 'error' });
  });

  it('what keeps a thread from being made is a death like others', async () => {
    const subject = new Subject('worker-deaths', { workerData: { f: () => {} } });
    expect(subject.handle.threadId).toBe(-1);
    const refused = rejection(subject.handle.call('sum', [1]));
    expect(await subject.death).toMatchObject({
      cause: 'error',
      exitCode: undefined,
      failure: { name: 'DataCloneError' },
    });
    expect(await refused).toMatchObject({ code: 'ERR_HOLDFAST_WORKER_DIED' });
  });

  it.each(['emit-and-throw', 'emit-and-exit'])(
    '%s: everything it had sent is told first, in order, and told to be of a dead thread',
    async (how) => {
      const subject = await Subject.ready();
      void subject.handle.call('die', [how, 20_000]).catch(() => {});
      const death = await subject.death;
      expect(death.cause).toBe(how === 'emit-and-throw' ? 'error' : 'exit');
      expect(subject.log.at(-1)).toBe('death');
      const [, ...sent] = subject.events;
      expect(sent.map(({ event }) => event)).toEqual(Array.from({ length: 20_000 }, (_, i) => i));
      const alive = sent.findIndex(({ dead }) => dead);
      expect(sent.slice(alive === -1 ? sent.length : alive).every(({ dead }) => dead)).toBe(true);
    },
  );

  it('what arrives after the order to end is told to be of a dead thread', async () => {
    const subject = await Subject.ready();
    await subject.handle.call('emit', [5_000]);
    const before = subject.events.length;
    await subject.handle.terminate('enough');
    expect(subject.events).toHaveLength(5_001);
    expect(subject.events.slice(before).every(({ dead }) => dead)).toBe(true);
  });

  it('death is told although a listener of events throws', async () => {
    // The listener's own mistake surfaces as an uncaught exception of this process.
    const caught: unknown[] = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => caught.push(error));
    try {
      let died: () => void = () => {};
      const death = new Promise<void>((resolve) => {
        died = resolve;
      });
      const handle = spawnWorker<Methods>({
        entry: new URL('./fixtures/worker-deaths.mjs', import.meta.url),
        name: 'subject',
        heartbeatIntervalMs: 10,
        onEvent: (event) => {
          if (event === 0) throw new Error('the listener is wrong');
        },
        onBeat: () => {},
        onDeath: died,
      });
      handle.call('die', ['emit-and-throw', 2_000]).catch(() => {});
      await death;
      await handle.terminate('done');
      await new Promise(setImmediate);
      expect(caught).toMatchObject([{ message: 'the listener is wrong' }]);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
    }
  });
});

describe('calls', () => {
  it('answer, also those made before the worker was ready, and many at once', async () => {
    const { handle } = new Subject('worker-deaths');
    const answers = Array.from({ length: 200 }, (_, i) => handle.call('sum', [i, 1]));
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  it('reject with what the method threw', async () => {
    const { handle } = await Subject.ready();
    const error = await rejection(handle.call('fail', []));
    expect(isHoldfastError(error, 'ERR_HOLDFAST_CONTROL')).toBe(true);
    expect(error.message).toBe("call of 'fail' on thread 'subject' failed: RangeError: it broke.");
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'it broke' });
  });

  it('reject when there is no such method, and when something cannot be cloned', async () => {
    const { handle } = await Subject.ready();
    const errors = await Promise.all([
      rejection(handle.call('missing', [])),
      rejection(handle.call('unreadable', [])),
      rejection(handle.call('die', ['throw', () => {}])),
    ]);
    for (const error of errors) expect(error.code).toBe('ERR_HOLDFAST_CONTROL');
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining("call of 'missing' on thread 'subject' failed: TypeError"),
      expect.stringContaining('Unserializable return value'),
      expect.stringContaining('DataCloneError: () => {} could not be cloned.'),
    ]);
    expect(await handle.call('sum', [1, 2])).toBe(3);
  });

  it('hand buffers over, also twice with the same object', async () => {
    const { handle } = await Subject.ready();
    const message = { buffer: new ArrayBuffer(8) };
    const first = message.buffer;
    expect(await handle.call('length', [message], { transfer: [first] })).toBe(8);
    expect(first.byteLength).toBe(0);
    message.buffer = new ArrayBuffer(16);
    expect(await handle.call('length', [message])).toBe(16);
    expect(message.buffer.byteLength).toBe(16);
  });

  it('settle at their deadline while the thread hangs, and at its end', async () => {
    const subject = await Subject.ready();
    const { handle } = subject;
    void handle.call('die', ['loop']).catch(() => {});
    await subject.seen('stuck');
    const open = rejection(handle.call('sum', [1]));
    const late = await rejection(handle.call('sum', [1], { timeoutMs: 20 }));
    expect(late).toMatchObject({ code: 'ERR_HOLDFAST_CONTROL', details: { method: 'sum' } });
    expect(late.message).toContain('within 20 ms');
    const end = handle.terminate('it hangs');
    // At the order already: nobody waits for a thread that is told to go.
    expect(await open).toMatchObject({ code: 'ERR_HOLDFAST_WORKER_DIED' });
    expect(await rejection(handle.call('sum', [1]))).toMatchObject({
      code: 'ERR_HOLDFAST_WORKER_DIED',
      message: "thread 'subject' was ended: it hangs.",
    });
    await end;
  });

  it('count an answer that came in time, though this thread was too late to take it', async () => {
    const { handle } = await Subject.ready();
    // After immediates come timers, so that the deadline is looked at before the port is.
    await new Promise((resolve) => setImmediate(resolve));
    const before = handle.block.progressCount;
    const answer = handle.call('sum', [1, 2], { timeoutMs: 20 });
    // Served in order: when this has moved the counter, the answer is on its way.
    const counted = handle.call('progress', [1]);
    const from = performance.now();
    while (handle.block.progressCount === before || performance.now() - from < 50);
    expect(await answer).toBe(3);
    await counted;
  });

  it('after a death reject with its cause', async () => {
    const subject = await Subject.ready();
    void subject.handle.call('die', ['throw']).catch(() => {});
    await subject.death;
    const error = await rejection(subject.handle.call('sum', [1]));
    expect(error).toMatchObject({
      code: 'ERR_HOLDFAST_WORKER_DIED',
      message: "thread 'subject' died of Mishap: it broke",
      cause: { name: 'Mishap', code: 'E_MISHAP', cause: { name: 'TypeError' } },
    });
  });
});

describe('what is left of a dead worker', () => {
  it('is nothing, once its handle is let go', async () => {
    setFlagsFromString('--expose_gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const end = async (how: 'throw' | 'terminate'): Promise<WeakRef<object>> => {
      let died = (): void => {};
      const death = new Promise<void>((resolve) => {
        died = resolve;
      });
      const handle = spawnWorker<Methods>({
        entry: new URL('./fixtures/worker-deaths.mjs', import.meta.url),
        name: 'forgotten',
        heartbeatIntervalMs: 10,
        onEvent() {},
        onBeat() {},
        onDeath: () => died(),
      });
      expect(await handle.call('sum', [1, 2])).toBe(3);
      // In flight when it dies.
      void handle.call('never', []).catch(() => {});
      if (how === 'terminate') await handle.terminate('enough');
      else void handle.call('die', ['throw']).catch(() => {});
      await death;
      return new WeakRef(handle);
    };
    const handles: { readonly how: string; readonly ref: WeakRef<object> }[] = [];
    for (const how of ['throw', 'terminate', 'throw', 'terminate', 'throw'] as const) {
      handles.push({ how, ref: await end(how) });
    }
    // One may stay: the engine keeps what a frame of its own has touched last.
    const left = () => handles.filter(({ ref }) => ref.deref() !== undefined).map(({ how }) => how);
    for (let tries = 0; tries < 1_000 && left().length > 1; tries += 1) {
      await sleep(10);
      collectGarbage();
    }
    expect(left().length, left().join()).toBeLessThanOrEqual(1);
  });
});

describe('signs of life', () => {
  it('the port alone keeps a thread alive, and there is one port per thread', async () => {
    const subject = new Subject('worker-silent');
    await subject.seen('one port');
    while (subject.beats < 5) await sleep(5);
    expect(subject.deaths).toEqual([]);
  });

  it('beats stop when the thread hangs, and its utilisation is 1', async () => {
    const subject = await Subject.ready();
    while (subject.beats < 3) await sleep(5);
    void subject.handle.call('die', ['loop']).catch(() => {});
    await subject.seen('stuck');
    await sleep(50);
    subject.handle.utilization();
    const before = subject.beats;
    await sleep(100);
    expect(subject.beats).toBe(before);
    expect(subject.handle.utilization()).toBeGreaterThan(0.99);
  });

  it('progress is seen without asking, and outlives the thread', async () => {
    const { handle } = await Subject.ready();
    const before = handle.block.progressCount;
    await handle.call('progress', [1_000]);
    await handle.terminate('enough');
    expect(handle.block.progressCount).toBe(before + 1_000);
  });
});
