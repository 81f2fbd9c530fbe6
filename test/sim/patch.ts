/** Changes a real class for a while: to plant a mistake in it, or to look on. */

/** Replaces a method. @returns what undoes it */
export function patch<T extends object, M extends keyof T>(
  prototype: T,
  method: M,
  make: (original: T[M]) => T[M],
): () => void {
  const original = prototype[method];
  prototype[method] = make(original);
  return () => {
    prototype[method] = original;
  };
}

/** @returns what undoes all, the last one first */
export function allOf(undo: readonly (() => void)[]): () => void {
  return () => {
    for (const one of [...undo].reverse()) one();
  };
}
