/** Values of many kinds, to be carried along by records and state: they must arrive as what they are. */

import { inspect, isDeepStrictEqual } from 'node:util';
import { defineCodec } from '../../src/codec/define-codec.js';

/** What nothing but its codec brings back. */
export class Coin {
  readonly worth: number;
  constructor(worth: number) {
    this.worth = worth;
  }
}

export const coin = defineCodec({
  id: 'coin',
  type: Coin,
  encode: ({ worth }) => worth,
  decode: (worth) => new Coin(worth),
});

const makers: readonly ((n: number) => unknown)[] = [
  (n) => new Coin(n),
  (n) => ({ change: [new Coin(n), new Coin(1)] }),
  (n) => Buffer.from(`raw ${n}`),
  (n) => ({ at: new Date(n), list: [n, undefined, -0] }),
  (n) => Object.assign(new RangeError('far'), { code: `E_${n}`, stack: 'somewhere' }),
  (n) => JSON.parse(`{ "constructor": ${n}, "__proto__": { "n": ${n} } }`),
  (n) => Object.assign(Object.create(null) as object, { n }),
  (n) => new Map([[n, new Set([BigInt(n), undefined])]]),
  (n) => new Float64Array([n, Number.NaN]),
  (n) => n,
];

/** The same for the same number. */
export function carried(n: number): unknown {
  return makers[n % makers.length]!(n % 97);
}

/** What is wrong with a value that should be `carried(n)`, to be shown in a row; nothing when it is. */
export function wrong(value: unknown, n: number | undefined): string {
  const should = n === undefined ? undefined : carried(n);
  return isDeepStrictEqual(value, should) ? '' : ` ${inspect(value)} not ${inspect(should)}`;
}
