/** Finds this package on disk, and checks that it can work there. */

import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../base/errors.js';

interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, { readonly default?: string } | string>>;
}

let found: { readonly root: string; readonly manifest: PackageManifest } | undefined;

/**
 * The package's folder and its `package.json`.
 * @throws HoldfastError ERR_HOLDFAST_ENVIRONMENT when this code was bundled into an application, which lacks the
 *   files that threads and processes start from
 */
export function ownPackageFiles(): NonNullable<typeof found> {
  if (found !== undefined) return found;
  const here = fileURLToPath(import.meta.url);
  try {
    const root = realpathSync(join(dirname(here), '../..'));
    const manifest = JSON.parse(
      readFileSync(join(root, 'package.json'), 'utf8'),
    ) as PackageManifest;
    realpathSync(join(root, 'dist/module/runtime.cjs'));
    if (manifest.name !== 'holdfast') throw new Error(`the package there is ${manifest.name}`);
    found = { root, manifest };
  } catch (cause) {
    throw new HoldfastError(
      'ERR_HOLDFAST_ENVIRONMENT',
      `Holdfast was bundled into ${here}, and does not find the files there that its threads start from. ` +
        'Leave it out of the bundle, and install it beside the application: --external:holdfast for ' +
        "esbuild, external: ['holdfast', /^holdfast\\//] for others. Job modules stay files of their own.",
      { cause, details: { file: here } },
    );
  }
  return found;
}

/** The version that checkpoints name as that of their writer. */
export function packageVersion(): string {
  return ownPackageFiles().manifest.version;
}

/**
 * Checks that code may be generated from strings, as the loops over records of a shape are: nothing else is as fast.
 * @throws HoldfastError ERR_HOLDFAST_ENVIRONMENT
 */
export function checkCodeGeneration(): void {
  try {
    new Function('return 1');
  } catch (cause) {
    throw new HoldfastError(
      'ERR_HOLDFAST_ENVIRONMENT',
      'Node was started with --disallow-code-generation-from-strings, but Holdfast generates code for the ' +
        'shapes of records. Leave that option out, or run the job in a process of its own, which does ' +
        'not inherit it: runGuarded(…), or holdfast run.',
      { cause },
    );
  }
}
