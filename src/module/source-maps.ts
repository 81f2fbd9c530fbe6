/**
 * Makes stacks point into the user's own files.
 *
 * The main thread does this, with stacks that have crossed threads as data, because source maps in a worker
 * would cost each start some 24 ms. A map is read at the first failure and kept. That takes some
 * milliseconds, so `warmSourceMap` may be called while nothing urgent is under way.
 */

import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Failure } from '../base/failure.js';
import { isError } from '../base/realm.js';
import type { CompiledJob } from './compile.js';

/** Most causes that are followed, because a chain of causes may be a circle. */
const CAUSES_MAX = 16;

const maps = new Map<string, SourceMap | undefined>();

/** Replaces positions within the bundle by those in the source. Other lines stay as they are. */
export function mapStack(stack: string, compiled: CompiledJob): string {
  const { bundle } = compiled.boot;
  if (!stack.includes(bundle)) return stack;
  const map = sourceMap(compiled.sourceMap);
  if (map === undefined) return stack;
  const position = new RegExp(`(?:file://)?${escapeRegExp(bundle)}:(\\d+):(\\d+)`, 'g');
  return stack.replace(position, (found, line: string, column: string) => {
    const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
    if (!('originalSource' in entry)) return found;
    return `${pathOf(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

/** The failure with its stack and those of its causes mapped. */
export function mapFailure(failure: Failure, compiled: CompiledJob): Failure {
  const { stack, cause } = failure;
  return {
    ...failure,
    ...(stack === undefined ? {} : { stack: mapStack(stack, compiled) }),
    ...(cause === undefined ? {} : { cause: mapFailure(cause, compiled) }),
  };
}

/** Maps the stacks of an error and its causes in place. */
export function mapError(error: unknown, compiled: CompiledJob): void {
  for (let at = error, depth = 0; isError(at) && depth < CAUSES_MAX; depth += 1) {
    if (typeof at.stack === 'string') at.stack = mapStack(at.stack, compiled);
    at = at.cause;
  }
}

/** Reads the map ahead of the first failure, so that it does not add to a recovery. */
export function warmSourceMap(compiled: CompiledJob): void {
  sourceMap(compiled.sourceMap);
}

/** The map; undefined when it cannot be read, because an unmapped stack is better than another error. */
function sourceMap(path: string): SourceMap | undefined {
  if (!maps.has(path)) {
    try {
      maps.set(path, new SourceMap(JSON.parse(readFileSync(path, 'utf8'))));
    } catch {
      maps.set(path, undefined);
    }
  }
  return maps.get(path);
}

function pathOf(source: string): string {
  return source.startsWith('file:') ? fileURLToPath(source) : source;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
