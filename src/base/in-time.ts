/** Waits for a promise, but not for ever. */

/**
 * @param late makes the error for a promise that has not settled after `timeoutMs` milliseconds. The promise's result
 *   is ignored then
 * @param signal its abortion calls the deadline off, so that the promise alone decides
 */
export async function inTime<T>(
  promise: PromiseLike<T>,
  timeoutMs: number,
  late: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const disarm = () => clearTimeout(timer);
  try {
    return await new Promise<T>((resolve, reject) => {
      promise.then(resolve, reject);
      timer = setTimeout(() => reject(late()), timeoutMs);
      signal?.addEventListener('abort', disarm, { once: true });
    });
  } finally {
    disarm();
    signal?.removeEventListener('abort', disarm);
  }
}
