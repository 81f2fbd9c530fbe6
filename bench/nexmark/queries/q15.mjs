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
      .map((row) => ({
        day: row.key,
        bids: row.bids,
        bidsRank1: row.bidsRank1,
        bidsRank2: row.bidsRank2,
        bidsRank3: row.bidsRank3,
        bidders: row.bidders,
        biddersRank1: row.biddersRank1,
        biddersRank2: row.biddersRank2,
        biddersRank3: row.biddersRank3,
        auctions: row.auctions,
        auctionsRank1: row.auctionsRank1,
        auctionsRank2: row.auctionsRank2,
        auctionsRank3: row.auctionsRank3,
      })),
  /** A row for each bid; what stands in the end is the one with the most bids. */
  updates: { key: ({ day }) => day, version: ({ bids }) => bids },
  sql: `
    SELECT epoch_ms(date_trunc('day', make_timestamp_ms(dateTime))::TIMESTAMP) AS day, ${RANK_COUNTS_SQL}
    FROM bid GROUP BY day`,
};
