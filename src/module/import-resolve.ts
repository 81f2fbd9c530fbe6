/**
 * `import.meta.resolve` of a bundled file, by the rules of imports. (`createRequire` would choose what a package
 * offers for `require`.) It is in a bundle only when one of the files uses it.
 */

export { resolve as resolveImport } from 'import-meta-resolve';
