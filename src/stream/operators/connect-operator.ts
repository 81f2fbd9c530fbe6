/** Takes the records of two ports, each with a callback of its own. */

import { HoldfastError } from '../../base/errors.js';
import { shownKey } from '../../hashring/canonical-key.js';
import { asyncCallbackError, isThenable } from '../api/callbacks.js';
import type { ConnectSpec, KeyedConnectContext } from '../api/connect.js';
import type { KeySelector } from '../api/key-selector.js';
import type { Output } from '../api/output.js';
import type { OperatorContext, Port } from '../operator.js';
import { CallbackOutput } from './callback-output.js';
import { keyOfSelected } from './operator-key.js';
import { StatelessOperator } from './stateless-operator.js';

type AnySpec = ConnectSpec<never, never, never, never>;
type Callback = (record: unknown, ctx: CallContext, out: Output<unknown>) => unknown;

/** @param keys by port, of keyed streams */
export function connectOperator(
  spec: AnySpec,
  keys: readonly (KeySelector | undefined)[],
): () => ConnectOperator {
  return () => new ConnectOperator(spec, keys);
}

class ConnectOperator extends StatelessOperator {
  readonly ports: readonly [Port, Port];
  readonly #out = new CallbackOutput('connect');
  readonly #ctx = new CallContext(this.#out);

  constructor(spec: AnySpec, [leftKey, rightKey]: readonly (KeySelector | undefined)[]) {
    super();
    const port = (name: 'onLeft' | 'onRight', key: KeySelector | undefined): Port =>
      new ConnectPort(this.#ctx, this.#out, name, spec[name].bind(spec) as Callback, key);
    this.ports = [port('onLeft', leftKey), port('onRight', rightKey)];
  }

  override open(context: OperatorContext): void {
    super.open(context);
    this.#out.open(context);
  }

  /** The first port's, as of any operator. */
  onElement(record: unknown, timestamp: number, group: number, behind: number): void {
    this.ports[0].onElement(record, timestamp, group, behind);
  }

  override onWatermark(timeMs: number): void {
    this.#ctx.advance(timeMs);
    this.output.onWatermark(timeMs);
  }

  get suspended(): boolean {
    return this.#out.suspended;
  }

  resume(): void {
    this.#out.resume();
  }
}

class ConnectPort implements Port {
  readonly #ctx: CallContext;
  readonly #out: CallbackOutput;
  readonly #name: string;
  readonly #callback: Callback;
  readonly #select: ((record: unknown) => unknown) | undefined;

  constructor(
    ctx: CallContext,
    out: CallbackOutput,
    name: string,
    callback: Callback,
    select: KeySelector | undefined,
  ) {
    this.#ctx = ctx;
    this.#out = out;
    this.#name = name;
    this.#callback = callback;
    this.#select = select as ((record: unknown) => unknown) | undefined;
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const select = this.#select;
    const ctx = this.#ctx;
    const out = this.#out;
    const key = select === undefined ? undefined : checkedKey(select(record));
    ctx.begin(key, timestamp);
    out.begin(timestamp, behind);
    const callback = this.#callback;
    try {
      const answer = callback(record, ctx, out);
      if (isThenable(answer)) throw asyncCallbackError(`process({ ${this.#name} })`);
    } catch (error) {
      out.drop();
      throw error;
    }
    out.end();
  }
}

/** One for all calls. */
class CallContext implements KeyedConnectContext<unknown> {
  readonly #out: CallbackOutput;
  #key: unknown;
  #timestamp = Number.NaN;
  #watermark = Number.NEGATIVE_INFINITY;

  constructor(out: CallbackOutput) {
    this.#out = out;
  }

  begin(key: unknown, timestamp: number): void {
    this.#key = key;
    this.#timestamp = timestamp;
  }

  advance(timeMs: number): void {
    this.#watermark = timeMs;
  }

  get key(): unknown {
    this.#out.requireCallback();
    return this.#key;
  }

  get watermark(): number {
    this.#out.requireCallback();
    return this.#watermark;
  }

  get timestamp(): number {
    this.#out.requireCallback();
    if (Number.isNaN(this.#timestamp)) throw noTimestamp();
    return this.#timestamp;
  }
}

function checkedKey(selected: unknown): unknown {
  keyOfSelected(selected);
  return shownKey(selected);
}

function noTimestamp(): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_NO_TIMESTAMP',
    'ctx.timestamp was asked for, and the record has no event time. Give records their times with ' +
      '.withTimestamps(…) before connect, or read from a source that knows them.',
  );
}
