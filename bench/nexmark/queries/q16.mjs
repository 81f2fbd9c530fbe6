/** q16: what q15 counts, for each channel and day (UTC), with the last minute of the day in which a bid came. */

import { max } from 'holdfast';
import { bidsOf } from './bids.mjs';
import { RANK_COUNTS_SQL, rankCounts } from './rank-counts.mjs';

const DAY_MS = 86_400_000;

const digits = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));

/** The time of day as HH:MM (UTC). */
function minuteOf(timeMs) {
  const minutes = Math.floor(timeMs / 60_000);
  return `${digits[Math.floor(minutes / 60) % 24]}:${digits[minutes % 60]}`;
}

export const q16 = {
  build: (events) =>
    bidsOf(events)
      .map(({ channel, auction, bidder, price, dateTime }) => ({
        channel,
        auction,
        bidder,
        price,
        dateTime,
        day: Math.floor(dateTime / DAY_MS) * DAY_MS,
      }))
      .keyBy(({ channel, day }) => [channel, day])
      .aggregate({ last: max(({ dateTime }) => dateTime), ...rankCounts })
      .uid('days')
      .map((row) => ({
        channel: row.key[0],
        day: row.key[1],
        minute: minuteOf(row.last),
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
  updates: {
    key: ({ channel, day }) => `${channel} ${day}`,
    version: ({ bids }) => bids,
  },
  sql: `
    SELECT channel, epoch_ms(date_trunc('day', make_timestamp_ms(dateTime))::TIMESTAMP) AS day,
      max(strftime(make_timestamp_ms(dateTime), '%H:%M')) AS minute, ${RANK_COUNTS_SQL}
    FROM bid GROUP BY channel, day`,
};
