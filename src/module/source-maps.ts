/**
 * Makes stacks point into the user's own files.
 *
 * The main thread does this, with stacks that have crossed threads as data, because source maps in a worker
 * would cost each start some 24 ms. A map is read at the first failure and kept. For that of the runtime this takes
 * some milliseconds, so `warmSourceMap` may be called while nothing urgent is under way.
 */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Failure } from '../base/failure.js';
import { isError } from '../base/realm.js';
import type { Compiled } from './compile.js';
import { PositionMap } from './position-map.js';

/** Most causes that are followed, because a chain of causes may be a circle. */
const CAUSES_MAX = 16;

const maps = new Map<string, PositionMap | undefined>();

/** Replaces positions within the job's scripts by those in the sources. Other lines stay as they are. */
export function mapStack(stack: string, compiled: Compiled): string {
  let mapped = stack;
  for (const [script, mapFile] of Object.entries(compiled.sourceMaps)) {
    if (!mapped.includes(script)) continue;
    const map = sourceMap(mapFile);
    if (map === undefined) continue;
    const position = new RegExp(`(?:file://)?${escapeRegExp(script)}:(\\d+):(\\d+)`, 'g');
    mapped = mapped.replace(position, (found, line: string, column: string) => {
      const original = map.find(Number(line) - 1, Number(column) - 1);
      if (original === undefined) return found;
      return `${pathOf(original.source, mapFile)}:${original.line + 1}:${original.column + 1}`;
    });
  }
  return mapped;
}

/** The failure with its stack and those of its causes mapped. */
export function mapFailure(failure: Failure, compiled: Compiled): Failure {
  const { stack, cause } = failure;
  return {
    ...failure,
    ...(stack === undefined ? {} : { stack: mapStack(stack, compiled) }),
    ...(cause === undefined ? {} : { cause: mapFailure(cause, compiled) }),
  };
}

/** Maps the stacks of an error and its causes in place. */
export function mapError(error: unknown, compiled: Compiled): void {
  for (let at = error, depth = 0; isError(at) && depth < CAUSES_MAX; depth += 1) {
    if (typeof at.stack === 'string') at.stack = mapStack(at.stack, compiled);
    at = at.cause;
  }
}

/** Reads the maps ahead of the first failure, so that it does not add to a recovery. */
export function warmSourceMap(compiled: Compiled): void {
  for (const map of Object.values(compiled.sourceMaps)) sourceMap(map);
}

/** The map; undefined when it cannot be read, because an unmapped stack is better than another error. */
function sourceMap(path: string): PositionMap | undefined {
  if (!maps.has(path)) {
    try {
      maps.set(path, new PositionMap(JSON.parse(readFileSync(path, 'utf8'))));
    } catch {
      maps.set(path, undefined);
    }
  }
  return maps.get(path);
}

/** A source of the runtime is relative to its map. */
function pathOf(source: string, mapFile: string): string {
  return source.startsWith('file:') ? fileURLToPath(source) : resolve(dirname(mapFile), source);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
