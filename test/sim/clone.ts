/**
 * What `structuredClone` makes of a message between threads, for a fraction of its time. Messages are plain objects,
 * arrays and views of memory; one that holds anything else is left to `structuredClone`.
 */

type View = new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayBufferView;

/** A view in the copy of a buffer that has not been moved yet: by then nothing tells its place any more. */
interface Awaited {
  readonly holder: Record<string | number, unknown>;
  readonly key: string | number;
  readonly buffer: ArrayBufferLike;
  readonly on: (buffer: ArrayBufferLike) => ArrayBufferView;
}

const NOT_PLAIN = Symbol('not plain');

/** @param transfer buffers that are moved: the sender has them no more */
export function cloned<T>(message: T, transfer: readonly ArrayBuffer[] = []): T {
  const copier = new Copier(transfer);
  const copy = copier.copyOf(message, { message: undefined }, 'message');
  if (copy === NOT_PLAIN) return structuredClone(message, { transfer: [...transfer] });
  copier.move();
  return copy as T;
}

class Copier {
  readonly #transfer: readonly ArrayBuffer[];
  /** What is met twice is one object in the copy as well. */
  readonly #known = new Map<object, object>();
  readonly #awaited: Awaited[] = [];

  constructor(transfer: readonly ArrayBuffer[]) {
    this.#transfer = transfer;
  }

  /** @param holder of the copy, under `key` */
  copyOf(value: unknown, holder: Awaited['holder'], key: string | number): unknown {
    switch (typeof value) {
      case 'function':
      case 'symbol':
        return NOT_PLAIN;
      case 'object':
        break;
      default:
        return value;
    }
    if (value === null) return null;
    const known = this.#known.get(value);
    if (known !== undefined) return known;
    if (Array.isArray(value)) return this.#array(value);
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === Object.prototype) return this.#object(value as Record<string, unknown>);
    if (value instanceof SharedArrayBuffer) return value;
    if (value instanceof ArrayBuffer) return this.#buffer(value);
    return ArrayBuffer.isView(value) ? this.#view(value, holder, key) : NOT_PLAIN;
  }

  /** The buffers go over, and the views in the copy are of what they are there. */
  move(): void {
    const transfer = [...this.#transfer];
    if (transfer.length === 0) return;
    const moved = structuredClone(transfer, { transfer });
    for (const { holder, key, buffer, on } of this.#awaited) {
      holder[key] = on(moved[transfer.indexOf(buffer as ArrayBuffer)]!);
    }
  }

  #array(value: readonly unknown[]): unknown {
    const copy: unknown[] = new Array(value.length);
    this.#known.set(value, copy);
    for (let at = 0; at < value.length; at += 1) {
      const one = this.copyOf(value[at], copy as never, at);
      if (one === NOT_PLAIN) return NOT_PLAIN;
      copy[at] = one;
    }
    return copy;
  }

  #object(value: Record<string, unknown>): unknown {
    const copy: Record<string, unknown> = {};
    this.#known.set(value, copy);
    for (const key of Object.keys(value)) {
      const one = this.copyOf(value[key], copy, key);
      if (one === NOT_PLAIN) return NOT_PLAIN;
      copy[key] = one;
    }
    return copy;
  }

  #buffer(value: ArrayBuffer): unknown {
    // One that is moved is not a part of any message but by its views.
    if (this.#transfer.includes(value)) return NOT_PLAIN;
    const copy = value.slice(0);
    this.#known.set(value, copy);
    return copy;
  }

  #view(value: ArrayBufferView, holder: Awaited['holder'], key: string | number): unknown {
    const { buffer, byteOffset, byteLength } = value;
    // Of a subclass (Buffer) only what it is of arrives.
    const name = (value as unknown as { readonly [Symbol.toStringTag]: string })[
      Symbol.toStringTag
    ];
    const make = (globalThis as unknown as Record<string, View>)[name]!;
    const size = (value as { readonly BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
    const on = (of: ArrayBufferLike) => new make(of, byteOffset, byteLength / size);
    if (this.#transfer.includes(buffer as ArrayBuffer)) {
      this.#awaited.push({ holder, key, buffer, on });
      return undefined;
    }
    const copy = on(this.copyOf(buffer, holder, key) as ArrayBufferLike);
    this.#known.set(value, copy);
    return copy;
  }
}
