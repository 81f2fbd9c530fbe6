/**
 * An HTTP call per record, to a real server of which some answers are slow, fail, or never come: what comes out is what
 * a plain loop gives, whatever the slots, kills and restores. And a checkpoint waits for no answer.
 */

import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DeadLetter, type Job, type JobResult, runInline } from '../../dist/index.js';
import calls, { CAPACITY, type Line, type Order, type Priced } from './fixtures/calls.job.js';
import {
  fixture,
  type Kill,
  Meter,
  runningAgain,
  temporaryFolder,
  throughKills,
  until,
} from './kit.js';
import { run } from './run-compiled.js';

const COUNT = 150;
const SPLITS = 3;
const ids = Array.from({ length: COUNT }, (_, id) => id);

const isUnknown = (id: number) => id % 29 === 3;
const centsOf = (id: number) => (id * 37) % 1_000;

/** All sinks together, of some records: those that have a price are in three of them, the others in one. */
const rowsOf = (from: number, to: number) =>
  ids.slice(Math.max(0, from), to).reduce((rows, id) => rows + (isUnknown(id) ? 1 : 3), 0);

class PriceServer {
  /** Requests for each id. */
  readonly asked = new Map<number, number>();
  /** Answers nothing meanwhile. */
  holds = false;
  /** The first request for some is never answered: it takes a timeout. */
  hangs = true;
  readonly #open = new Map<ServerResponse, number>();
  readonly #server: Server = createServer((request, response) => {
    const id = Number(request.url!.slice(1));
    const time = (this.asked.get(id) ?? 0) + 1;
    this.asked.set(id, time);
    this.#open.set(response, id);
    response.on('close', () => this.#open.delete(response));
    if (this.holds || (this.hangs && id % 31 === 7 && time === 1)) return;
    if (id % 5 === 0) setTimeout(() => this.#answer(response, id, time), 3);
    else this.#answer(response, id, time);
  });

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Requests that wait for their answer. */
  get waiting(): number {
    return this.#open.size;
  }

  release(): void {
    this.holds = false;
    for (const [response, id] of this.#open) this.#answer(response, id, 2);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(response: ServerResponse, id: number, time: number): void {
    if (isUnknown(id)) response.writeHead(404);
    else if (id % 7 === 1 && time === 1) response.writeHead(503);
    response.end(String(centsOf(id)));
  }
}

let server: PriceServer;

beforeEach(async () => {
  server = new PriceServer();
  await server.listen();
});

afterEach(async () => {
  await server.close();
});

function requireRight({ collected }: Pick<JobResult, 'collected'>): void {
  const known = ids.filter((id) => !isUnknown(id)).map((id) => `${id} ${centsOf(id)}`);
  const shown = (name: string) =>
    (collected[name] as readonly Priced[])
      .toSorted((a, b) => a.id - b.id)
      .map(({ id, cents }) => `${id} ${cents}`);
  expect(shown('priced')).toEqual(known);
  expect(shown('by shop')).toEqual(known);
  const letters = collected['unpriced'] as readonly DeadLetter<Order>[];
  expect(letters.map(({ record }) => record!.id).toSorted((a, b) => a - b)).toEqual(
    ids.filter(isUnknown),
  );
  expect(letters.every(({ error }) => error.message === 'answer 404')).toBe(true);
  const lines = collected['lines'] as readonly Line[];
  expect(lines.filter(({ inOrder }) => !inOrder)).toEqual([]);
  for (let split = 0; split < SPLITS; split += 1) {
    const own = lines.filter((line) => line.split === split).map(({ n }) => n);
    expect(own).toEqual(own.map((_, i) => i + 1));
  }
  expect(lines).toHaveLength(known.length);
}

const argsOf = (meter: Meter | undefined, timeoutMs = 150) => ({
  count: COUNT,
  splits: SPLITS,
  port: server.port,
  timeoutMs,
  ...(meter === undefined ? {} : { meter: meter.shared }),
});

const start = (
  directory: string,
  parallelism: number,
  meter: Meter,
  checkpoint: object = {},
  timeoutMs?: number,
): Promise<Job> =>
  run(fixture('calls'), {
    parallelism,
    checkpoint: { directory, intervalMs: 3_600_000, ...checkpoint },
    args: argsOf(meter, timeoutMs),
  });

describe('a call per record', () => {
  test('in the calling thread', async () => {
    const result = await runInline(calls, { args: argsOf(undefined) });
    requireRight(result);
    // What failed for a time was asked for again.
    expect(server.asked.get(1)).toBeGreaterThanOrEqual(3);
  });

  const kills: readonly Kill[] = [
    [0, 'terminate'],
    [1, 'throw'],
    [1, 'exit'],
  ];

  test.each(['aligned', 'unaligned'] as const)('through kills, %s', async (alignment) => {
    const meter = new Meter();
    const job = await start(await temporaryFolder(), 2, meter, { alignment });
    requireRight(await throughKills(job, meter, COUNT, kills));
  });
});

describe('a checkpoint while no answer comes', () => {
  /** As many as one operator may have in flight: with more, the other would wait behind a full queue. */
  const FIRST = CAPACITY;

  test('waits for none; what was in flight is asked for again after a kill', async () => {
    server.holds = true;
    server.hangs = false;
    const meter = new Meter(FIRST);
    const job = await start(await temporaryFolder(), 1, meter, { alignment: 'aligned' }, 600_000);
    await until(() => server.waiting === 2 * FIRST, job);
    await job.checkpointNow();
    expect(server.waiting).toBe(2 * FIRST);
    const again = runningAgain(job);
    job.kill(0, 'terminate');
    await again;
    await until(() => [...server.asked.values()].every((n) => n === 4), job);
    expect(server.asked.size).toBe(FIRST);
    server.release();
    meter.raise(COUNT);
    requireRight(await job.finished);
  });

  test.each(['aligned', 'unaligned'] as const)(
    'is where other slots go on: each third of the input has another number, %s',
    async (alignment) => {
      server.hangs = false;
      const directory = await temporaryFolder();
      let result: JobResult | undefined;
      for (const [i, parallelism] of [2, 3, 1].entries()) {
        const isLast = i === 2;
        const meter = new Meter((i * COUNT) / 3);
        const job = await start(directory, parallelism, meter, { alignment }, 600_000);
        server.release();
        // All that came before is out: what follows fits into one operator, and no barrier waits behind it.
        const rows = rowsOf(((i - 1) * COUNT) / 3, (i * COUNT) / 3);
        await until(() => job.progress().sinkRecords >= rows, job);
        if (isLast) meter.raise(COUNT);
        else {
          server.holds = true;
          meter.raise((i * COUNT) / 3 + CAPACITY);
          await until(() => server.waiting >= CAPACITY, job);
          await job.stop();
          expect(server.holds).toBe(true);
        }
        result = await job.finished;
        expect(result.status).toBe(isLast ? 'finished' : 'stopped');
      }
      requireRight(result!);
    },
  );
});
