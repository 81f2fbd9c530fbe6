/** `an Error`, `a Map`, `a Uint8Array`: a name for a sentence, with its indefinite article. */
export function withArticle(name: string): string {
  return /^(?:[aeio]|un(?!i))/i.test(name) ? `an ${name}` : `a ${name}`;
}
