/** Runs the fuzz test. The head of test/fuzz/main.ts tells its arguments. */

import { becomeBundled } from './lib/bundled.mjs';

await becomeBundled('test/fuzz/main.ts');
