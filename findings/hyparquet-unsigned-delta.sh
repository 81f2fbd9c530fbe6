#!/usr/bin/env bash
# hyparquet 1.31.5, over a file that DuckDB 1.5.6 writes (PARQUET_VERSION v2).
# Guess: an unsigned integer of 32 bits comes back as it was written, or the reader fails.
# Fact:  DuckDB delta-encodes UINTEGER as if it had 64 bits; hyparquet reads the first value of a page into 32
#        bits, and everything from 2^31 on comes out smaller by 2^31, without an error. In version 1 of the
#        format (plain or dictionary pages) the same column is right.
# Seen:  v1 4294967295,4294967294,3000000000   v2 2147483647,2147483646,852516352
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent hyparquet@1.31.5 hyparquet-compressors@1.1.2 @duckdb/node-api@1.5.6-r.1 >/dev/null
cat > t.mjs <<'JS'
import { DuckDBInstance } from '@duckdb/node-api';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
const duck = await (await DuckDBInstance.create(':memory:')).connect();
const seen = {};
for (const version of ['v1', 'v2']) {
  const rows = '(values (4294967295::uinteger), (4294967294::uinteger), (3000000000::uinteger)) t(x)';
  const options = `format parquet, parquet_version ${version}, dictionary_size_limit 1`;
  await duck.run(`copy (select * from ${rows}) to '${version}.parquet' (${options})`);
  const back = await duck.runAndReadAll(`select x from '${version}.parquet'`);
  console.log(version, 'DuckDB reads', back.getRows().flat().join());
  const file = await asyncBufferFromFile(`${version}.parquet`);
  const found = await parquetReadObjects({ file, compressors });
  seen[version] = found.map(({ x }) => x).join();
  console.log(version, 'hyparquet reads', seen[version]);
}
const wanted = '4294967295,4294967294,3000000000';
process.exit(seen.v1 === wanted && seen.v2 !== wanted ? 0 : 1);
JS
node t.mjs
