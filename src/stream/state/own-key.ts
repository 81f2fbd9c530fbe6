import type { PrimitiveKey } from '../../hashring/canonical-key.js';

/**
 * The key itself, where a canonical form is the key: always, except for Dates, tuples and the rare text that had to
 * be escaped, whose forms all begin with U+0000. Undefined for these.
 */
export function ownKey(canonical: PrimitiveKey): PrimitiveKey | undefined {
  return typeof canonical === 'string' && canonical.charCodeAt(0) === 0 ? undefined : canonical;
}
