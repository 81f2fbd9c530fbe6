/** What the compiler knows about changelogs. Checked by tsc; running it is a formality. */

import { describe, expectTypeOf, it } from 'vitest';
import { count, max, sum } from '../../src/stream/api/aggregations.js';
import type { Change, ChangeKind } from '../../src/stream/api/changelog.js';
import type { ChangelogStream, DataStream } from '../../src/stream/api/data-stream.js';
import { asc } from '../../src/stream/api/order-by.js';
import type { DeadLetter } from '../../src/stream/dead-letter.js';
import type { Flight } from './graph-kit.js';

/** Type-checks `use`, and never runs it. */
function typed(use: (stream: DataStream<Flight>) => unknown): void {
  void use;
}

describe('a changelog', () => {
  it('has the rows of what made it, and a field more as records', () => {
    typed((flights) => {
      const keyed = flights.keyBy(({ origin }) => origin);
      const rows = keyed.aggregate({ n: count() }).toChangelog();
      expectTypeOf(rows).toEqualTypeOf<ChangelogStream<{ key: string; n: number }>>();
      expectTypeOf(rows.asRecords()).toEqualTypeOf<
        DataStream<Change<{ key: string; n: number }>>
      >();
      const again = rows.keyBy(({ n }) => n).aggregate({ most: max((row) => row.n) });
      expectTypeOf(again).toEqualTypeOf<ChangelogStream<{ key: number; most: number }>>();
      const top = keyed.topN(2, { by: [({ delay }) => delay, asc(({ date }) => date)] });
      expectTypeOf(top).toEqualTypeOf<ChangelogStream<Flight>>();
      const ranked = keyed.topN(2, { by: ({ delay }) => delay, rank: 'place' });
      expectTypeOf(ranked).toEqualTypeOf<ChangelogStream<Flight & { readonly place: number }>>();
      expectTypeOf(flights.distinctBy(({ origin }) => origin)).toEqualTypeOf<DataStream<Flight>>();
      const last = flights.distinctBy(({ origin }) => origin, { keep: 'last', by: 'time' });
      expectTypeOf(last).toEqualTypeOf<ChangelogStream<Flight>>();
      const joined = keyed.joinLatest(
        last.keyBy(({ origin }) => origin),
        {
          select: (_, found) => {
            expectTypeOf(found).toEqualTypeOf<Flight>();
            return found.delay;
          },
        },
      );
      expectTypeOf(joined).toEqualTypeOf<DataStream<number | null>>();
      keyed.joinLatest(
        last.keyBy(({ origin }) => origin),
        {
          kind: 'left',
          select: (_, found) => expectTypeOf(found).toEqualTypeOf<Flight | null>(),
        },
      );
      const mapped = last.map(({ origin }) => ({ origin })).filter((row) => row.origin !== 'X');
      expectTypeOf(mapped).toEqualTypeOf<ChangelogStream<{ origin: string }>>();
      const dead = mapped.onError({ sideOutput: 'dead' }).sideOutput('dead');
      expectTypeOf(dead).toEqualTypeOf<DataStream<DeadLetter<unknown>>>();
    });
    void ((changes: DataStream<{ id: number; change: ChangeKind }>, any: DataStream<object>) => {
      expectTypeOf(changes.asChangelog()).toEqualTypeOf<ChangelogStream<{ id: number }>>();
      expectTypeOf(any.asChangelog(() => '+I')).toEqualTypeOf<ChangelogStream<object>>();
    });
  });

  it('refuses rows that are no objects or have a field `change`, and answers of that name', () => {
    typed((flights) => {
      const keyed = flights.keyBy(({ origin }) => origin);
      const lengths = flights.map(({ distance }) => distance);
      const own = flights.map(() => ({ change: 'of scene' }));
      // @ts-expect-error numbers are no rows
      lengths.keyBy(() => 1).topN(1, { by: (n: number) => n });
      // @ts-expect-error numbers are no rows
      lengths.distinctBy(() => 1, { keep: 'last' });
      // @ts-expect-error the field is taken
      own.keyBy(() => 1).topN(1, { by: () => 1 });
      // @ts-expect-error the field is taken
      own.asChangelog(() => '+I');
      // @ts-expect-error the field is no kind of a change
      own.asChangelog();
      // @ts-expect-error the answer's name is taken
      keyed.aggregate({ change: count() }).toChangelog().asRecords();
      const rows = keyed.aggregate({ n: count() }).toChangelog();
      // @ts-expect-error a row is an object
      rows.map(({ n }) => n);
      // @ts-expect-error the field is taken
      rows.map(({ n }) => ({ change: n }));
      // @ts-expect-error of other rows
      rows.keyBy(() => 1).aggregate({ miles: sum((flight: Flight) => flight.distance) });
      // @ts-expect-error nothing to be ordered by
      keyed.topN(1, { by: () => ({}) });
      // @ts-expect-error a plain stream has no rows that replace each other
      flights.toChangelog();
    });
  });
});
