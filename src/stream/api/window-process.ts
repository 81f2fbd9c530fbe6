/** `process` of windows: a callback that is given all records of a window, with the key and the bounds at hand. */

import { HoldfastError } from '../../base/errors.js';
import { checkObject } from '../../base/option-checks.js';
import { isPlainObject } from '../../base/realm.js';
import { layoutEntry, RECORDS, type StateDescription } from '../state/state-layout.js';
import { checkCallback, describeValue, type SyncResult } from './callbacks.js';
import type { Output } from './output.js';
import { checkVersion, type StateVersion } from './state-version.js';
import type { WindowBounds } from './windows.js';

/** What the callback works with: only to be used until it returns. */
export interface WindowContext<K> {
  readonly key: K;
  /** How far event time has come, in ms: −Infinity before anybody has said so, Infinity when the input has ended. */
  readonly watermark: number;
  /** Of sessions with allowed lateness, as in the row of `aggregate`: the windows of which this one takes the place. */
  readonly replaces?: readonly WindowBounds[] | undefined;
}

/**
 * `version` and `migrate` are those of the records that a window holds. @typeParam T records @typeParam K keys @typeParam O
 * what is emitted
 */
export interface WindowProcessSpec<T, K, O> extends StateVersion<T> {
  /**
   * Called each time that the window fires, with its records in the order in which they came. They are the callback's
   * own. Synchronous.
   */
  onWindow(window: WindowBounds, records: T[], ctx: WindowContext<K>, out: Output<O>): SyncResult;
}

/** A spec whose types were left behind at the door. */
export interface WindowProcessData extends StateVersion<unknown> {
  onWindow(window: WindowBounds, records: unknown[], ctx: unknown, out: unknown): unknown;
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION, ERR_HOLDFAST_ASYNC_CALLBACK */
export function requireWindowProcess(spec: unknown): asserts spec is WindowProcessData {
  if (typeof spec !== 'object' || spec === null) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `process(…) of a window needs { onWindow }, but was given ${describeValue(spec)}.`,
    );
  }
  const given = spec as WindowProcessData;
  // An object of a class may have fields of its own.
  if (isPlainObject(spec)) checkObject('process', given, ['onWindow', 'version', 'migrate']);
  checkCallback(given.onWindow, 'process({ onWindow })');
  checkVersion('process', given);
}

/** The state of windows that hold their records. */
export function recordsState(version: StateVersion<unknown>): StateDescription {
  const entry = {
    name: RECORDS,
    type: RECORDS,
    words: 0,
    isValue: true,
    version: checkVersion('process', version),
  };
  const migrates = version.migrate === undefined ? [] : [RECORDS];
  return { section: 'cells', layout: layoutEntry(entry), migrates };
}
