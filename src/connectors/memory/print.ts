import { inspect } from 'node:util';
import { badOption, checkObject } from '../../base/option-checks.js';
import type { Sink } from '../../stream/sink.js';

export interface PrintOptions {
  /** Put before every line. */
  readonly prefix?: string | undefined;
}

/**
 * A sink that prints one line per record: texts as they are, what JSON keeps as JSON, anything else
 * as Node shows it. At least once: after a failure lines come again. Under `--json` the lines go to
 * standard error.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function print(options?: PrintOptions): Sink<unknown> {
  const { prefix = '' } = checkObject<PrintOptions>('print', options, ['prefix']);
  if (typeof prefix !== 'string') throw badOption('print.prefix', prefix, 'a text');
  return {
    kind: 'print',
    stateless: true,
    open: (context) => ({
      write: (record) => context.print(prefix + formatRecord(record)),
      close: () => {},
    }),
  };
}

export function formatRecord(record: unknown): string {
  if (typeof record === 'string') return record;
  return asJson(record) ?? inspect(record, { depth: 10, breakLength: Number.POSITIVE_INFINITY });
}

/** A record as JSON; undefined when JSON would lose something that a reader wants to see. */
function asJson(record: unknown): string | undefined {
  let lost = false;
  try {
    const text = JSON.stringify(record, (_, value: unknown) => {
      if (isLost(value)) lost = true;
      return value;
    });
    return lost ? undefined : text;
  } catch {
    return undefined;
  }
}

function isLost(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      return !Number.isFinite(value) || Object.is(value, -0);
    case 'undefined':
    case 'function':
    case 'symbol':
    case 'bigint':
      return true;
    default:
      return (
        (Array.isArray(value) && Object.keys(value).length !== value.length) ||
        value instanceof Map ||
        value instanceof Set ||
        value instanceof Error ||
        value instanceof RegExp ||
        ArrayBuffer.isView(value) ||
        value instanceof ArrayBuffer
      );
  }
}
