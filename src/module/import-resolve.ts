/**
 * `import.meta.resolve` of a bundled file, by the rules of imports: `createRequire` would choose what a package
 * has for `require`. In a bundle only when one of its files asks for it.
 */

export { resolve as resolveImport } from 'import-meta-resolve';
