/**
 * A property's name in the code of an object literal. Column names are data of a file's author, so they enter
 * generated code only as JSON text, and `__proto__` as a computed key (a plain one would set the prototype).
 */
export function literalKey(name: string): string {
  return name === '__proto__' ? '["__proto__"]' : JSON.stringify(name);
}
