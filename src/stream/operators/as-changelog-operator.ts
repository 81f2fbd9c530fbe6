/**
 * Makes a changelog of records that are changes already.
 *
 * Whether a -U and its +U stand one behind the other in such input, nobody knows. So they go on as what each of them is
 * by itself: -D and +I (changes.ts, C2).
 */

import type { ChangeKind } from '../api/changelog.js';
import type { Operator } from '../operator.js';
import { changed, requireKind, requireRow } from './changes.js';
import { StatelessOperator } from './stateless-operator.js';

/** @param kindOf undefined: the record's own field `change` tells */
export function asChangelogOperator(
  kindOf: ((record: never) => ChangeKind) | undefined,
): () => Operator {
  return () => new AsChangelog(kindOf as ((record: unknown) => unknown) | undefined);
}

class AsChangelog extends StatelessOperator {
  readonly #kindOf: ((record: unknown) => unknown) | undefined;

  constructor(kindOf: ((record: unknown) => unknown) | undefined) {
    super();
    this.#kindOf = kindOf;
  }

  onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
    const kindOf = this.#kindOf;
    const told =
      kindOf === undefined
        ? (record as { readonly change?: unknown } | null | undefined)?.change
        : kindOf(record);
    const kind = requireKind(told, 'asChangelog');
    const row = requireRow(record, 'asChangelog', kind);
    const change = kind === '-U' ? '-D' : kind === '+U' ? '+I' : kind;
    this.output.onElement(changed(row, change), timestamp, 0, behind);
  }
}
