/** What the bootstrap of a worker has to know about the bundle. Protocol file: shapes only. */

export interface BootData {
  /** `script`: a function expression, run with a code cache; `module`: an ES module. */
  readonly format: 'script' | 'module';
  /** Absolute path of the bundle. */
  readonly bundle: string;
  /** URLs of packages that the bundle imports statically. They are loaded before it runs. */
  readonly externals: readonly string[];
  /** URL of the job module. The path of a late `import(path)` is relative to it. */
  readonly jobUrl: string;
  /** Absolute path of V8's code cache for this bundle, Node version and machine. It is made when it is missing. */
  readonly codeCache: string;
}
