/** What Maps of state are keyed by: a key's canonical form (hashring/canonical-key.ts). */
export type PrimitiveKey = string | number | bigint | boolean | null;

/**
 * The key itself, where the canonical form is it: always, but for Dates, tuples and the rare text
 * that had to be escaped, which all begin with U+0000. undefined otherwise.
 */
export function ownKey(canonical: PrimitiveKey): PrimitiveKey | undefined {
  return typeof canonical === 'string' && canonical.charCodeAt(0) === 0 ? undefined : canonical;
}
