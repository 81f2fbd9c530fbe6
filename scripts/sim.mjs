/** The simulator. What it takes is told at the head of test/sim/main.ts. */

import { becomeBundled } from './lib/bundled.mjs';

await becomeBundled('test/sim/main.ts');
