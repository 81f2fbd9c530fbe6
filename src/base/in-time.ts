/** A wait that ends: with the answer of others, or with an error of ours. */

/**
 * @param late makes the error of a promise that has not settled after `timeoutMs` milliseconds; what it
 *   comes to later is of no consequence
 * @param signal its abortion calls the deadline off: then the promise alone decides
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
