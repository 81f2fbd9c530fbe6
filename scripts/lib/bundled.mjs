/** Bundles a program of the tests and becomes it: sources and tests alike, so that many processes start fast. */

import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @param entry path of a TypeScript file, from the repository's root */
export async function becomeBundled(entry) {
  const name = basename(dirname(entry));
  // As deep below the root as dist/module/…, from where the package is found.
  const bundle = join(root, '.cache', name, `${name}-${process.pid}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [join(root, entry)],
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
}
