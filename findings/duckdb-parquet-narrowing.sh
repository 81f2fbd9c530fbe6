#!/usr/bin/env bash
# DuckDB 1.5.6 (@duckdb/node-api 1.5.6-r.1) and Parquet.
# Guess: COPY … TO (FORMAT parquet) keeps integers exact, or refuses the type; and DuckDB reads every encoding of
#        the format for integers.
# Fact:  HUGEINT and UHUGEINT are written as DOUBLE, without a word: digits beyond 2^53 are gone. (DECIMAL(38, 0)
#        keeps them.) And BYTE_STREAM_SPLIT, which the format has for integers since 2.11, is read for floats only.
# Seen:  170141183460469231731687303715884105727 comes back as 1.7014118346046923e+38, type DOUBLE;
#        "BYTE_STREAM_SPLIT encoding is only supported for FLOAT or DOUBLE data"
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent hyparquet-writer@0.17.0 @duckdb/node-api@1.5.6-r.1 >/dev/null
cat > t.mjs <<'JS'
import { writeFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetWriteBuffer } from 'hyparquet-writer';
const duck = await (await DuckDBInstance.create(':memory:')).connect();
const rows = async (sql) => (await duck.runAndReadAll(sql)).getRowObjects();
const huge = '170141183460469231731687303715884105727';
await duck.run(`copy (select ${huge}::hugeint h, '${huge.slice(0, 37)}'::decimal(38, 0) d)
  to 'huge.parquet' (format parquet)`);
const [back] = await rows("select typeof(h) t, h, d::varchar d from 'huge.parquet'");
console.log(back);
const columnData = [{ name: 'x', type: 'INT32', data: [1, 2, 3], encoding: 'BYTE_STREAM_SPLIT' }];
writeFileSync('split.parquet', Buffer.from(parquetWriteBuffer({ columnData })));
const error = await rows("select x from 'split.parquet'").then(() => '', (e) => e.message);
console.log(error);
const narrowed = back.t === 'DOUBLE' && back.d === huge.slice(0, 37);
process.exit(narrowed && error.includes('BYTE_STREAM_SPLIT') ? 0 : 1);
JS
node t.mjs
