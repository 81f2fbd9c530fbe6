/**
 * Kills a process at every point of the protocol: test/kill-matrix/matrix.mjs tells how.
 *
 *   npm run kill-matrix                      each point alone, in fresh directories (some minutes)
 *   npm run kill-matrix -- --chained         the process that goes on is killed at the next point
 *   npm run kill-matrix -- --sampled         the same, before or after each point: part of `npm test`
 *   npm run kill-matrix -- --point NAME      one point
 *   …  --json                                one line of JSON at the end, nothing else
 *
 * The exit code is 1 when a row was lost, duplicated, wrong or out of order, or a point was not met.
 */

import { parseArgs } from 'node:util';
import { PROTOCOL_POINTS } from '../dist/base/protocol-points.js';
import { runMatrix } from '../test/kill-matrix/matrix.mjs';

const { values } = parseArgs({
  options: {
    chained: { type: 'boolean', default: false },
    sampled: { type: 'boolean', default: false },
    point: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
if (values.point !== undefined && !PROTOCOL_POINTS.includes(values.point)) {
  console.error(`there is no point '${values.point}'; there are ${PROTOCOL_POINTS.join(', ')}`);
  process.exit(2);
}
const began = performance.now();
const log = values.json ? () => {} : (line) => console.log(line);
const { sampled, point } = values;
const result = await runMatrix({ chained: values.chained || sampled, sampled, point, log });
const seconds = Math.round((performance.now() - began) / 1_000);
if (values.json) console.log(JSON.stringify({ ...result, seconds }));
else {
  for (const problem of result.problems) console.log(`PROBLEM: ${problem}`);
  const { points, kills, starts, lost, duplicated, wrong, outOfOrder } = result;
  console.log(
    `${points} points, ${kills} kills, ${starts} starts in ${seconds} s: ` +
      `${lost} lost, ${duplicated} duplicated, ${wrong} wrong, ${outOfOrder} out of order`,
  );
}
process.exit(result.problems.length === 0 ? 0 : 1);
