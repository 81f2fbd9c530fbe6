/** q15: for each day (UTC) how many bids, bidders and auctions there were, of each rank of price as well. */

import { bidsOf } from './bids.mjs';
import { RANK_COUNTS_SQL, rankCounts } from './rank-counts.mjs';

const DAY_MS = 86_400_000;

export const q15 = {
  build: (events) =>
    bidsOf(events)
      .map(({ auction, bidder, price, dateTime }) => ({
        auction,
        bidder,
        price,
        day: Math.floor(dateTime / DAY_MS) * DAY_MS,
      }))
      .keyBy(({ day }) => day)
      .aggregate(rankCounts)
      .uid('days')
      .map(({ key: day, ...counts }) => ({ day, ...counts })),
  /** A row for each bid; what stands in the end is the one with the most bids. */
  updates: { key: ({ day }) => day, version: ({ bids }) => bids },
  sql: `
    SELECT epoch_ms(date_trunc('day', make_timestamp_ms(dateTime))::TIMESTAMP) AS day, ${RANK_COUNTS_SQL}
    FROM bid GROUP BY day`,
};
