/**
 * Bundles the simulator and becomes it: sources and tests alike, so that many processes start fast.
 * What it takes is told at the head of test/sim/main.ts.
 */

import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// As deep below the root as dist/job/…, from where package.json is found.
const bundle = join(root, '.cache', 'sim', `sim-${process.pid}.mjs`);

await build({
  absWorkingDir: root,
  entryPoints: [join(root, 'test', 'sim', 'main.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  sourcemap: 'inline',
  logLevel: 'warning',
});
process.on('exit', () => rmSync(bundle, { force: true }));
process.setSourceMapsEnabled(true);
await import(pathToFileURL(bundle).href);
