/** The fuzz test. What it takes is told at the head of test/fuzz/main.ts. */

import { becomeBundled } from './lib/bundled.mjs';

await becomeBundled('test/fuzz/main.ts');
