/**
 * `run` and `runGuarded` for tests: each job module is compiled once per test file, not once per run.
 * Bundling takes longer than most of what is tested here; that it is done anew for a module that has
 * changed is the subject of compile.test.ts alone.
 */

import * as holdfast from '../../dist/index.js';
import { compileJob, reuseCompiled } from '../../dist/module/compile.js';

const compiling = new Map<string, Promise<void>>();

/** Never rejects: what is wrong with a module, a run of it meets again and says properly. */
function compileOnce(url: URL | string): Promise<void> {
  const known = compiling.get(String(url));
  if (known !== undefined) return known;
  const done = compileJob(url).then(reuseCompiled, () => {});
  compiling.set(String(url), done);
  return done;
}

export const run: typeof holdfast.run = async (url, options) => {
  await compileOnce(url);
  return await holdfast.run(url, options);
};

export const runGuarded: typeof holdfast.runGuarded = async (url, options) => {
  await compileOnce(url);
  return await holdfast.runGuarded(url, options);
};
