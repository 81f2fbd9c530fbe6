/** What the bootstrap of a worker has to know about the bundle. Protocol file: shapes only. */

export interface BootData {
  /** Host and Holdfast (`runtime-bundle.ts`). It runs before the bundle. */
  readonly runtime: ScriptFiles;
  /** `script`: a function expression, run with a code cache; `module`: an ES module. */
  readonly format: 'script' | 'module';
  /** Absolute path of the bundle. */
  readonly bundle: string;
  /** URLs of packages that the bundle imports statically. They are loaded before it runs. */
  readonly externals: readonly string[];
  /** What the bundle is made of, for messages: `the job module`. */
  readonly what: string;
  /** URL of that module. The path of a late `import(path)` is relative to it. */
  readonly jobUrl: string;
  /** V8's code caches for the bundle, when it is a script. */
  readonly codeCache: CodeCacheFiles;
}

/** A script, and V8's code caches for it. */
export interface ScriptFiles {
  /** Absolute path. */
  readonly script: string;
  readonly codeCache: CodeCacheFiles;
}

/** Absolute paths of code caches for this version of Node and this machine. They are made when they are missing. */
export interface CodeCacheFiles {
  /** What the job has called until its data path ran. */
  readonly full: string;
  /** Made soon after a start, for a thread that dies before the full one is there. */
  readonly early: string;
}
