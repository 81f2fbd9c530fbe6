/**
 * A function generated for one layout that checks a record and copies it: see frame-codegen.ts for why it
 * is generated, and what may enter its source.
 */

import type { ValueCopier } from '../codec/value-copier.js';

/** What a property has held: one kind of primitive, several, or objects as well. */
export type FieldKind = 'number' | 'string' | 'boolean' | 'bigint' | 'primitive' | 'deep';

/**
 * The copy of a record, or undefined when it is not of the layout.
 * @throws HoldfastError ERR_HOLDFAST_UNSUPPORTED_VALUE
 */
export type CopyLoop = (record: object) => object | undefined;

/** Undefined where code generation from strings is switched off. */
export function compileCopy(
  keys: readonly string[],
  kinds: readonly FieldKind[],
  copier: ValueCopier,
  name: string,
): CopyLoop | undefined {
  const names = keys.map((key) => JSON.stringify(key));
  const deep = names.filter((_, i) => kinds[i] === 'deep');
  // The literal comes first: it has the keys in their order, and references to the record itself find the copy.
  const literal = names.map((key, i) => `${key}: ${kinds[i] === 'deep' ? 'undefined' : `v${i}`}`);
  const copies = names.map((key, i) =>
    kinds[i] === 'deep' ? `c[${key}] = copier.part(v${i}, ${key});` : '',
  );
  const source = `'use strict';
return (o) => {
let k = 0;
for (const key in o) { if (key !== keys[k]) return undefined; k += 1; }
if (k !== ${keys.length}) return undefined;
const ${names.map((key, i) => `v${i} = o[${key}]`).join(', ')};
if (getPrototypeOf(o) !== prototype) return undefined;
${kinds.map((kind, i) => checkKind(kind, `v${i}`)).join('\n')}
const c = { ${literal.join(', ')} };
${deep.length === 0 ? '' : `copier.begin(o, c, name);\n${copies.join('\n')}\ncopier.end();`}
return c;
};`;
  const parameters = ['getPrototypeOf', 'prototype', 'keys', 'copier', 'name'];
  const bound = [Object.getPrototypeOf, Object.prototype, keys, copier, name];
  try {
    return (new Function(...parameters, source) as (...given: unknown[]) => CopyLoop)(...bound);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

function checkKind(kind: FieldKind, v: string): string {
  switch (kind) {
    case 'deep':
      return '';
    case 'primitive':
      return `if (typeof ${v} === 'object' ? ${v} !== null : typeof ${v} === 'function' || typeof ${v} === 'symbol') return undefined;`;
    default:
      return `if (typeof ${v} !== '${kind}') return undefined;`;
  }
}
