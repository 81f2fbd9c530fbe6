/** One process of the matrix: runs the job until it ends, or is killed. Its argument is JSON. */

import { run } from 'holdfast';
import { armFromEnvironment } from './arm.mjs';

armFromEnvironment();

const given = JSON.parse(process.argv[2]);
const { directory, parallelism, alignment, restore, savepoint } = given;
try {
  const job = await run(new URL('./matrix.job.ts', import.meta.url), {
    parallelism,
    spares: 0,
    restore,
    args: given,
    checkpoint: { directory, intervalMs: 40, alignment, retain: 2 },
    // Small rings, so that there is something to overtake.
    channel: { capacityBytes: 16 * 1024 },
  });
  if (savepoint !== undefined) {
    await job.checkpointNow();
    await job.savepoint(savepoint);
    await job.cancel();
  }
  const result = await job.finished;
  console.log(JSON.stringify({ status: result.status }));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
process.exit(0);
