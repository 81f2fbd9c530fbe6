/** A process of its own that keeps every core busy until it is ended, or its parent is. */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

for (let i = 0; i < availableParallelism(); i += 1)
  new Worker(new URL('./spin.mjs', import.meta.url));
process.on('disconnect', () => process.exit(0));
process.send?.('busy');
