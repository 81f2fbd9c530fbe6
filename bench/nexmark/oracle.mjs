/** The oracle: the same events as tables of DuckDB, and a query's answer by its SQL. */

import { DuckDBInstance } from '@duckdb/node-api';
import { nexmark } from './generator.mjs';

const TABLES = {
  person: {
    numbers: ['id', 'dateTime'],
    texts: ['name', 'emailAddress', 'creditCard', 'city', 'state', 'extra'],
  },
  auction: {
    numbers: ['id', 'initialBid', 'reserve', 'dateTime', 'expires', 'seller', 'category'],
    texts: ['itemName', 'description', 'extra'],
  },
  bid: {
    numbers: ['auction', 'bidder', 'price', 'dateTime'],
    texts: ['channel', 'url', 'extra'],
  },
};

/**
 * @param {number} count of events
 * @param {object} generator options of `nexmark`
 * @returns `rows(sql)`, which gives rows in chunks, and `close()`
 */
export async function openOracle(count, generator) {
  const duck = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  const appenders = {};
  for (const [table, { numbers, texts }] of Object.entries(TABLES)) {
    const columns = [...numbers.map((n) => `${n} BIGINT`), ...texts.map((n) => `${n} VARCHAR`)];
    await duck.run(`CREATE TABLE ${table} (${columns.join(', ')})`);
    appenders[table] = await duck.createAppender(table);
  }
  const { event } = nexmark(generator);
  for (let id = 0; id < count; id += 1) {
    const made = event(id);
    const { numbers, texts } = TABLES[made.kind];
    const appender = appenders[made.kind];
    for (const name of numbers) appender.appendBigInt(BigInt(made[name]));
    for (const name of texts) appender.appendVarchar(made[name]);
    appender.endRow();
  }
  for (const appender of Object.values(appenders)) appender.closeSync();
  return {
    async *rows(sql) {
      const answer = await duck.stream(sql);
      for await (const rows of answer.yieldRowObjects()) yield rows.map(asNumbers);
    },
    close: () => duck.closeSync(),
  };
}

/** @throws RangeError for an integer that a double cannot hold */
function asNumbers(row) {
  const entries = Object.entries(row).map(([name, value]) => {
    if (typeof value !== 'bigint') return [name, value];
    if (BigInt(Number(value)) !== value) throw new RangeError(`${name}: ${value} is no double`);
    return [name, Number(value)];
  });
  return Object.fromEntries(entries);
}
