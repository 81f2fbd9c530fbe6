/** q11: how many bids each bidder made in a session: bids that are at most 10 s apart. */

import { count, seconds, session } from 'holdfast';
import { bidsOf } from './bids.mjs';

const GAP_MS = seconds(10);

export const q11 = {
  build: (events) =>
    bidsOf(events)
      .map(({ bidder }) => bidder)
      .keyBy((bidder) => bidder)
      .window(session({ gapMs: GAP_MS }))
      .aggregate({ bids: count() })
      .uid('sessions')
      .map(({ key: bidder, bids, windowStart: start, windowEnd: end }) => ({
        bidder,
        bids,
        start,
        end,
      })),
  sql: `
    WITH steps AS (
      SELECT bidder, dateTime,
        coalesce(dateTime - lag(dateTime) OVER (PARTITION BY bidder ORDER BY dateTime) > 10000, true) AS isFirst
      FROM bid
    ), sessions AS (
      SELECT bidder, dateTime, sum(isFirst::INTEGER) OVER (
        PARTITION BY bidder ORDER BY dateTime ROWS UNBOUNDED PRECEDING) AS session
      FROM steps
    )
    SELECT bidder, count(*) AS bids, min(dateTime) AS start, max(dateTime) + 10000 AS end
    FROM sessions GROUP BY bidder, session`,
};
