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

/** Replaces a getter. @returns what undoes it */
export function patchGetter<T extends object, M extends keyof T>(
  prototype: T,
  name: M,
  make: (original: (this: T) => T[M]) => (this: T) => T[M],
): () => void {
  const original = Object.getOwnPropertyDescriptor(prototype, name)!;
  Object.defineProperty(prototype, name, { ...original, get: make(original.get!) });
  return () => {
    Object.defineProperty(prototype, name, original);
  };
}

/** @returns what undoes all, the last one first */
export function allOf(undo: readonly (() => void)[]): () => void {
  return () => {
    for (const one of [...undo].reverse()) one();
  };
}
