/** q5: the auctions with the most bids of each 10 s, every 2 s; all of them, where several have as many. */

import { count, desc, seconds, sliding, topN, tumbling } from 'holdfast';
import { bidsOf } from './bids.mjs';

const SIZE_MS = seconds(10);
const SLIDE_MS = seconds(2);

export const q5 = {
  build: (events) =>
    bidsOf(events)
      .map(({ auction }) => auction)
      .keyBy((auction) => auction)
      .window(sliding({ sizeMs: SIZE_MS, slideMs: SLIDE_MS }))
      .preAggregate()
      .aggregate({ bids: count() })
      .uid('bids')
      // A window's counts have its last millisecond as their time, so they are all that is in these 2 s.
      .keyBy(({ windowEnd }) => windowEnd)
      .window(tumbling(SLIDE_MS))
      .preAggregate()
      .aggregate({ hottest: topN(1, { by: desc((row) => row.bids), ties: 'all' }) })
      .uid('hottest')
      .flatMap(({ hottest }) =>
        hottest.map(({ key, bids, windowStart, windowEnd }) => ({
          auction: key,
          bids,
          start: windowStart,
          end: windowEnd,
        })),
      ),
  sql: `
    WITH counts AS (
      SELECT auction, dateTime // 2000 * 2000 + 2000 * k.range AS "end", count(*) AS bids
      FROM bid, range(1, 6) k GROUP BY ALL)
    SELECT auction, bids, "end" - 10000 AS start, "end" FROM counts
    QUALIFY bids = max(bids) OVER (PARTITION BY "end")`,
};
