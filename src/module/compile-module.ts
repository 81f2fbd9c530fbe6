/** Modules that run on threads of operators' own (`mapOnPool`): found and compiled once by each process of a run. */

import { HoldfastError } from '../base/errors.js';
import { compileEsModule, locateModule } from './compile.js';

/**
 * @param urls of local files, TypeScript or JavaScript
 * @returns by URL: the absolute path of what a thread loads
 * @throws HoldfastError ERR_HOLDFAST_POOL_MODULE when there is no such file, ERR_HOLDFAST_COMPILE
 */
export async function compileModules(
  urls: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  const compiled: Record<string, string> = {};
  for (const url of new Set(urls)) compiled[url] = await compileEsModule(locate(url));
  return compiled;
}

function locate(url: string): string {
  return locateModule(
    url,
    (cause) =>
      new HoldfastError(
        'ERR_HOLDFAST_POOL_MODULE',
        `mapOnPool(…) was given ${url}, where there is no module. Give it the URL of a local file: ` +
          "new URL('./hash.ts', import.meta.url).",
        { cause, details: { url } },
      ),
  );
}
