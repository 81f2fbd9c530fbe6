/** An earlier commit of this repository, built in a folder of its own, to be measured beside this one. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * @param {string} commit
 * @returns {string | undefined} the folder; undefined where the history does not reach so far
 */
export function baselineBuild(commit) {
  try {
    execFileSync('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: root, stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const folder = join(root, '.cache', `baseline-${commit}`);
  if (existsSync(join(folder, 'dist', 'index.js'))) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = execFileSync('git', ['archive', commit], { cwd: root, maxBuffer: 1 << 28 });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  // Its compiler and packages may be older ones: what is compared is the code.
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: folder, stdio: 'inherit' });
  // What workers start from, where the commit has it: without it each of its runs would bundle anew.
  const runtime = join('scripts', 'lib', 'build-runtime.mjs');
  if (existsSync(join(folder, runtime))) {
    execFileSync(process.execPath, [runtime, 'dist'], { cwd: folder, stdio: 'inherit' });
  }
  return folder;
}
