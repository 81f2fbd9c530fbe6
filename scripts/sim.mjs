/** Runs the simulator. The head of test/sim/main.ts tells its arguments. */

import { becomeBundled } from './lib/bundled.mjs';

await becomeBundled('test/sim/main.ts');
