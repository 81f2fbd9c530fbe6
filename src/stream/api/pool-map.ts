/** `mapOnPool`: what a user gives, and what it is checked for. */

import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { badOption, checkNumber, checkObject } from '../../base/option-checks.js';
import { checkHeapLimits } from '../../threads/heap-limits.js';
import { type AsyncMapOptions, type AsyncSettings, checkAsyncSettings } from './async-map.js';

export interface PoolMapOptions extends AsyncMapOptions {
  /** Name of the module's export that is called for each record. Default `'default'`. */
  readonly name?: string | undefined;
  /**
   * Threads of each instance of the operator. By default the machine's cores divided by the instances, at least one: the
   * slot's own thread waits meanwhile.
   */
  readonly threads?: number | undefined;
  /** V8's limits for each of these threads, as `new Worker` takes them: `{ maxOldGenerationSizeMb: 512 }`. */
  readonly resourceLimits?: Readonly<Record<string, number>> | undefined;
}

/** What a function on a pool is told beside its record. */
export interface PoolCall {
  /** 1 for the first. After a restart it begins at 1 again. */
  readonly attempt: number;
  /** The record's event time in ms; undefined for none. */
  readonly timestamp: number | undefined;
}

export interface PoolSettings extends AsyncSettings {
  readonly url: string;
  readonly name: string;
  readonly threads: number | undefined;
  readonly resourceLimits: Readonly<Record<string, number>> | undefined;
}

const NAMES = [
  'name',
  'threads',
  'resourceLimits',
  'capacity',
  'timeoutMs',
  'ordered',
  'retry',
  'retryIf',
] as const;
const THREADS_MAX = 1_024;

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function checkPoolMap(url: unknown, options: PoolMapOptions | undefined): PoolSettings {
  const given = checkObject('mapOnPool', options, NAMES);
  const { name = 'default', resourceLimits } = given;
  if (typeof name !== 'string' || name === '') {
    throw badOption('mapOnPool.name', name, 'the name of an export');
  }
  return {
    ...checkAsyncSettings('mapOnPool', given),
    url: checkUrl(url),
    name,
    threads: checkNumber('mapOnPool.threads', given.threads, undefined, {
      min: 1,
      max: THREADS_MAX,
      integer: true,
    }),
    resourceLimits: resourceLimits && checkHeapLimits('mapOnPool.resourceLimits', resourceLimits),
  };
}

function checkUrl(url: unknown): string {
  const text = url instanceof URL ? url.href : url;
  if (typeof text === 'string') {
    if (text.startsWith('file:')) return text;
    if (isAbsolute(text)) return pathToFileURL(text).href;
  }
  throw badOption(
    'mapOnPool(url)',
    text,
    "the URL of a local module: new URL('./hash.ts', import.meta.url)",
  );
}
