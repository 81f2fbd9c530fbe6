/** The modules of a system's actors as one bundle, which every thread of it loads. */

import { HoldfastError } from '../base/errors.js';
import { type Compiled, type CompileOptions, compileEntry, locateModule } from './compile.js';

/** A definition, as far as its module has to be found. */
export interface PlacedActor {
  readonly name: string;
  /** Of the module that exports it. */
  readonly url: string;
}

/**
 * Bundles the modules of all definitions into one script: a module that several of them are in, or that several import,
 * is in it once.
 *
 * @param actors at least one
 * @throws HoldfastError ERR_HOLDFAST_ACTOR_MODULE when there is no such file, ERR_HOLDFAST_COMPILE with file, line and
 *   column when one does not compile, ERR_HOLDFAST_ENVIRONMENT where no thread can run it
 */
export async function compileActors(
  actors: readonly PlacedActor[],
  options: CompileOptions = {},
): Promise<Compiled> {
  const files = [...new Set(actors.map(locate))];
  const names = files.map((_, at) => `m${at}`);
  const stub = [
    ...files.map((file, at) => `import * as ${names[at]} from ${JSON.stringify(file)};`),
    `globalThis[Symbol.for('holdfast.runtime')].start([${names.join()}]);`,
  ].join('\n');
  return await compileEntry({ file: files[0]!, stub, what: 'a module of actors' }, options);
}

function locate({ name, url }: PlacedActor): string {
  return locateModule(
    url,
    (cause) =>
      new HoldfastError(
        'ERR_HOLDFAST_ACTOR_MODULE',
        `actor '${name}' was defined with the URL ${url}, where there is no module. Threads load it from there: give ` +
          'defineActor the import.meta.url of the file that exports the definition.',
        { cause, details: { actor: name, url } },
      ),
  );
}
