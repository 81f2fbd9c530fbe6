/**
 * Keys of the two sides of a join that are of no type in common: a row with key 1 does not find one with key '1', and
 * nothing else would tell. The compiler refuses most of it, but does not know what JSON or CSV hold.
 */

import { types } from 'node:util';
import type { KeySelector } from '../api/key-selector.js';
import type { SideName } from './join-context.js';

/** Streams may have keys of several types. Of so many on each side one should be of a type that the other has. */
const KEYS_OF_A_SIDE = 100;

interface Side {
  keys: number;
  readonly types: Set<string>;
}

/** Of one instance of a join. */
export class KeyTypes {
  readonly #method: string;
  readonly #sides: Readonly<Record<SideName, Side>> = {
    left: { keys: 0, types: new Set() },
    right: { keys: 0, types: new Set() },
  };
  /** Nothing is left to be told: a type is on both sides, or it was told that none is. */
  #isDecided = false;

  /** @param method for the message: `intervalJoin` */
  constructor(method: string) {
    this.#method = method;
  }

  /** The selector. A warning of the process tells once of keys that cannot meet; they may still come to. */
  watched(side: SideName, select: KeySelector): KeySelector {
    const ofRecord = select as (record: unknown) => unknown;
    return (record: unknown) => {
      const key = ofRecord(record);
      if (!this.#isDecided) this.#add(side, key);
      return key;
    };
  }

  #remedy(): string {
    return this.#method === 'lookup'
      ? 'let key and tableKey both give String(row.id)'
      : '.keyBy((row) => String(row.id))';
  }

  #add(side: SideName, key: unknown): void {
    const type = typeOf(key);
    if (type === undefined) return;
    const { left, right } = this.#sides;
    const [own, other] = side === 'left' ? [left, right] : [right, left];
    own.types.add(type);
    own.keys += 1;
    if (other.types.has(type)) this.#isDecided = true;
    if (this.#isDecided || own.keys < KEYS_OF_A_SIDE || other.keys < KEYS_OF_A_SIDE) return;
    this.#isDecided = true;
    process.emitWarning(
      `${this.#method}(…) has paired nothing yet: of the first ${left.keys} keys on the left all are of type ` +
        `${named(left)}, and of ${right.keys} on the right all are of type ${named(right)}. Such keys never equal each ` +
        `other. If all keys are of these types, make them of one: ${this.#remedy()}.`,
      { type: 'HoldfastWarning', code: 'HOLDFAST_NOTICE' },
    );
  }
}

/** Undefined: nothing can be said of it. Null equals no other, and what is no key is refused further on. */
function typeOf(key: unknown): string | undefined {
  if (Array.isArray(key)) {
    const parts = key.map(typeOf);
    return parts.includes(undefined) ? undefined : `[${parts.join(', ')}]`;
  }
  if (types.isDate(key)) return 'date';
  const type = typeof key;
  return ['string', 'number', 'bigint', 'boolean'].includes(type) ? type : undefined;
}

const named = ({ types: ofSide }: Side): string => [...ofSide].join(' or ');
