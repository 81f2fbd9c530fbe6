/** docs/cookbook.md: the jobs that read from elsewhere, ask elsewhere, or write elsewhere. */

import { createServer, type RequestListener, type Server } from 'node:http';
import { isBuiltin } from 'node:module';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { Cookbook, duck, texts } from './kit.js';

const QUAKES = 1_707;
/** Of the calls. */
const CAPACITY = 8;
const book = Cookbook.prepared('node-sqlite3-wasm');
const servers: Server[] = [];

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Where Node has no SQLite of its own, another one stands in. */
const SQLITE = `
import sqlite from 'node-sqlite3-wasm';

export class DatabaseSync {
  #db;
  constructor(path) {
    this.#db = new sqlite.Database(path);
  }
  get isOpen() {
    return this.#db.isOpen;
  }
  exec(sql) {
    this.#db.exec(sql);
  }
  prepare(sql) {
    const statement = this.#db.prepare(sql);
    return {
      all: (...values) => statement.all(values),
      run: (...values) => statement.run(values),
    };
  }
  close() {
    this.#db.close();
  }
}
`;

test('a CSV file into SQLite', async () => {
  const { project } = book;
  if (!isBuiltin('node:sqlite')) {
    await project.write('sqlite.js', SQLITE);
    const sink = await project.read('sqlite-totals.js');
    await project.write('sqlite-totals.js', sink.replace("'node:sqlite'", "'./sqlite.js'"));
  }
  const expected = await duck(`
    select "Origin State" as state, count(*) over before as strikes, sum("Cost Total $") over before as cost
    from (select *, row_number() over () as row from read_csv('birdstrikes.csv'))
    window before as (partition by "Origin State" order by row)`);
  // The one that stands in takes its locks with it when a thread is terminated in the midst of a call.
  const causes = isBuiltin('node:sqlite') ? undefined : (['throw', 'exit'] as const);
  await book.survive('strikes', { records: 10_000, causes });
  await project.write(
    'rows.js',
    `import { connect } from './sqlite-totals.js';
    console.log(JSON.stringify(connect('strikes.db').prepare('select * from totals').all()));`,
  );
  const { stdout } = await project.shell('node rows.js');
  expect(texts(JSON.parse(stdout))).toEqual(texts(expected));
});

test('the sink for SQLite keeps the contract of sinks', async () => {
  await book.project.write(
    'sqlite.test.js',
    `import { describe, test } from 'node:test';
    import { sinkConformance } from 'holdfast/testing';
    import { connect, sqliteTotals } from './sqlite-totals.js';

    const query = (sql) => {
      const db = connect('tried.db');
      try { return db.prepare(sql).all(); } finally { db.close(); }
    };
    const cases = sinkConformance({
      create: () => sqliteTotals('tried.db'),
      record: (index) => ({ state: 'Ohio', strikes: index, cost: index * 10 }),
      committed: () => query('select * from totals').map((row) => ({ ...row })),
      reset: () => { query('delete from totals'); query('delete from staged'); },
    });
    describe('SQLite', () => {
      for (const { clause, name, run } of cases) test(clause + ': ' + name, run);
    });`,
  );
  const { code, stdout } = await book.project.shell('node --test sqlite.test.js');
  expect(code, stdout).toBe(0);
  expect(Number(/^\S pass (\d+)$/m.exec(stdout)![1])).toBeGreaterThan(20);
});

test('server-sent events', async () => {
  const quakes = await book.input<{ net: string; mag: number }>('quakes.ndjson');
  const asked: number[] = [];
  const url = await serve((request, response) => {
    const last = Number(request.headers['last-event-id'] || 0);
    asked.push(last);
    if (last === quakes.length) {
      response.writeHead(204).end();
      return;
    }
    // The line breaks in the midst of an event, and again.
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\n');
    for (let i = last; i < Math.min(quakes.length, last + 400); i += 1) {
      response.write(`id: ${i + 1}\r\ndata: ${JSON.stringify(quakes[i])}\r\n\r\n`);
    }
    response.end(last + 400 < quakes.length ? 'id: 0\ndata: {' : '');
  });
  const worst = new Map<string, { key: string; quakes: number; worst: number }>();
  const expected = quakes.map(({ net, mag }) => {
    const row = worst.get(net) ?? { key: net, quakes: 0, worst: mag };
    const next = { key: net, quakes: row.quakes + 1, worst: Math.max(row.worst, mag) };
    worst.set(net, next);
    return next;
  });
  await book.survive('live', { records: QUAKES, args: { url } });
  expect(await book.published('live')).toEqual(texts(expected));
  expect(asked.length).toBeGreaterThan(10);
});

test('an iterator as a source', async () => {
  const expected: unknown[] = [];
  const totals = new Map<string, { ticks: number; total: number }>();
  for (let i = 0; i < 300; i += 1) {
    const key = i % 3 === 0 ? 'ding' : 'dong';
    const { ticks, total } = totals.get(key) ?? { ticks: 0, total: 0 };
    totals.set(key, { ticks: ticks + 1, total: total + i });
    expected.push({ key, ticks: ticks + 1, total: total + i });
  }
  await book.survive('ticks', { records: 300 });
  expect(await book.published('ticks')).toEqual(texts(expected));
});

test('a call per record: slow, failing, and in order', async () => {
  const quakes = await book.input<{ id: string; place: string }>('quakes.ndjson');
  const places = new Map(quakes.map(({ id }, i) => [id, i]));
  const asked = new Map<number, number>();
  /** Nobody is answered before as many ask as may. */
  let held: (() => void)[] | undefined = [];
  let inFlight = 0;
  let most = 0;
  const service = await serve((request, response) => {
    const i = places.get(request.url!.slice('/felt/'.length))!;
    const times = (asked.get(i) ?? 0) + 1;
    asked.set(i, times);
    inFlight += 1;
    most = Math.max(most, inFlight);
    response.on('close', () => {
      inFlight -= 1;
    });
    const answer = () => {
      if (i % 7 === 0 && times === 1) response.writeHead(503).end();
      else setTimeout(() => response.end(String(i * 3)), i % 31 === 0 ? 20 : 0);
    };
    if (held === undefined) answer();
    else if (held.push(answer) === CAPACITY) {
      for (const waiting of held) waiting();
      held = undefined;
    }
  });
  await book.survive('calls', { records: QUAKES, args: { service } });
  const rows = await book.rows<{ id: string }>('calls');
  // One file of lines is one split, so that its records come in their order.
  expect(rows).toEqual(quakes.map(({ id, place }, i) => ({ id, place, felt: i * 3 })));
  // Those of a thread that was killed may still be there when the next one asks.
  expect(most).toBeGreaterThanOrEqual(CAPACITY);
  expect(most).toBeLessThanOrEqual(2 * CAPACITY);
});
