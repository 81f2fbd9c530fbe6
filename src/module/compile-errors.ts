/** Makes errors of ours of the bundler's: with file, line, column, and the line itself. */

import { relative, resolve } from 'node:path';
import type { BuildFailure, Message } from 'esbuild';
import { HoldfastError } from '../base/errors.js';

/** Is a top-level `await`, which a classic script cannot have, the only reason of the failure? */
export function isTopLevelAwait(error: unknown): boolean {
  const errors = (error as Partial<BuildFailure>).errors ?? [];
  return (
    errors.length > 0 &&
    errors.every(({ text }) => /^Top-level await is (?:currently )?not/.test(text))
  );
}

/**
 * @param file absolute path of the module, for errors without a place of their own
 * @param what the module is, for messages
 */
export function compileError(error: BuildFailure, file: string, what: string): HoldfastError {
  const [first] = error.errors ?? [];
  if (first === undefined) {
    if (error instanceof HoldfastError) return error;
    return new HoldfastError(
      'ERR_HOLDFAST_COMPILE',
      `${what} ${shown(file)} could not be compiled: ${error.message}`,
      { cause: error },
    );
  }
  const more = error.errors.length - 1;
  const others = more === 0 ? '' : ` (and ${more} more)`;
  const place = placeOf(first, file);
  const line = first.location?.lineText.trim();
  return new HoldfastError(
    'ERR_HOLDFAST_COMPILE',
    `${what} does not compile: ${place.text}: ${plainText(first)}${others}` +
      (line === undefined || line === '' ? '' : `\n    ${line}`),
    {
      details: { file: place.file, line: place.line, column: place.column, text: plainText(first) },
    },
  );
}

function placeOf(message: Message, file: string) {
  const { location } = message;
  if (location === null) return { text: shown(file), file, line: undefined, column: undefined };
  const path = resolve(file, '..', location.file);
  const column = location.column + 1;
  return {
    text: `${shown(path)}:${location.line}:${column}`,
    file: path,
    line: location.line,
    column,
  };
}

/** The relative path, if it is shorter and leads to no parent folder; otherwise the absolute one. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}

function plainText({ text, notes }: Message): string {
  const note = notes.find((candidate) => candidate.location === null)?.text;
  return note === undefined ? text : `${text} ${note}`;
}
