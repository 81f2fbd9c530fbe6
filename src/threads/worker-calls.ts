/**
 * Calls of a worker that always settle.
 *
 * comlink's promises stay open for ever when the far side dies, and its proxies stop working when they are
 * collected. So each call is raced with the thread's death and with a deadline, and the proxy is held here for as
 * long as the thread lives. It must not be held longer: comlink's finalisation registry holds the port until the
 * proxy is collected, and the port's listeners lead back here. A proxy that is held for ever would keep all that was
 * known of every dead thread.
 */

import type { MessagePort } from 'node:worker_threads';
import { type Endpoint, transfer, wrap } from 'comlink';
import { HoldfastError } from '../base/errors.js';
import { isError, isPlainObject } from '../base/realm.js';

export interface CallOptions {
  /** In milliseconds. Default: none, so only the thread's death ends the wait. */
  readonly timeoutMs?: number | undefined;
  /** Buffers that change hands with the arguments. */
  readonly transfer?: readonly (ArrayBuffer | MessagePort)[] | undefined;
}

type Proxy = Readonly<Record<string, (...args: readonly unknown[]) => Promise<unknown>>>;

export class WorkerCalls {
  readonly #name: () => string;
  #proxy: Proxy | undefined;
  readonly #open = new Set<(error: HoldfastError) => void>();
  #closed: HoldfastError | undefined;

  constructor(name: () => string, port: MessagePort) {
    this.#name = name;
    this.#proxy = wrap(port as unknown as Endpoint) as unknown as Proxy;
    // An answer that cannot be read does not tell its call, so no open call can trust that its own will come.
    port.on('messageerror', (error) => {
      this.#rejectAll(
        this.#error('answers', 'an answer could not be read', isError(error) ? error : undefined),
      );
    });
  }

  /** @throws HoldfastError ERR_HOLDFAST_WORKER_DIED, ERR_HOLDFAST_CONTROL */
  call(method: string, args: readonly unknown[], options: CallOptions = {}): Promise<unknown> {
    const closed = this.#closed;
    if (closed !== undefined) return Promise.reject(closed);
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#open.delete(fail);
        act();
      };
      const fail = (error: HoldfastError) => settle(() => reject(error));
      this.#open.add(fail);
      const { timeoutMs } = options;
      if (timeoutMs !== undefined) {
        const late = `no answer within ${timeoutMs} ms; the thread is busy, stuck or not ready`;
        // If this thread itself was late, its timers run first: an answer in the queue still counts.
        timer = setTimeout(() => {
          setImmediate(() => fail(this.#error(method, late)));
        }, timeoutMs);
      }
      this.#send(method, args, options.transfer ?? []).then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => fail(this.#error(method, describe(error), error)),
      );
    });
  }

  /** The thread is gone, or was told to go: open and later calls reject with this error. */
  close(error: HoldfastError): void {
    this.#closed ??= error;
    this.#proxy = undefined;
    this.#rejectAll(this.#closed);
  }

  /**
   * Not an async function: if it waited for an answer that never comes, it would hold comlink's proxy of the
   * method, and with it, as said above, all that was known of the thread.
   */
  #send(
    method: string,
    args: readonly unknown[],
    transfers: readonly (ArrayBuffer | MessagePort)[],
  ): Promise<unknown> {
    try {
      const given = transfers.length === 0 ? args : withTransfers(args, transfers);
      return this.#proxy?.[method]?.(...given) ?? Promise.resolve();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #rejectAll(error: HoldfastError): void {
    for (const fail of [...this.#open]) fail(error);
  }

  #error(method: string, what: string, cause?: unknown): HoldfastError {
    const thread = this.#name();
    return new HoldfastError(
      'ERR_HOLDFAST_CONTROL',
      `call of '${method}' on thread '${thread}' failed: ${what}.`,
      { cause, details: { method, thread } },
    );
  }
}

/**
 * comlink remembers transfers by argument object. So the outermost object is copied: otherwise a later call with
 * the same object would transfer buffers that are gone.
 */
function withTransfers(
  args: readonly unknown[],
  transfers: readonly (ArrayBuffer | MessagePort)[],
): readonly unknown[] {
  const at = args.findIndex((arg) => typeof arg === 'object' && arg !== null);
  return args.map((arg, index) => {
    if (index !== at) return arg;
    const list = [...transfers] as unknown as Parameters<typeof transfer>[1];
    if (Array.isArray(arg)) return transfer([...arg], list);
    return transfer(isPlainObject(arg as object) ? { ...(arg as object) } : (arg as object), list);
  });
}

function describe(error: unknown): string {
  const text = isError(error) ? `${error.name}: ${error.message}` : String(error);
  return text.replace(/\.+$/, '');
}
