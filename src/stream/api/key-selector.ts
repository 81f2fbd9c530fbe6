/** How a record's key is found: by a synchronous function from the record to a `Key`. */

import type { Key } from '../../hashring/canonical-key.js';

export type { Key };

/** A key selector as operators hold it, its types erased. */
export type KeySelector = (record: never) => unknown;
