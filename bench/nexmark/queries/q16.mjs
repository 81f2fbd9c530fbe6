/** q16: what q15 counts, for each channel and day (UTC), with the last minute of the day in which a bid came. */

import { max } from 'holdfast';
import { bidsOf } from './bids.mjs';
import { RANK_COUNTS_SQL, rankCounts } from './rank-counts.mjs';

const DAY_MS = 86_400_000;

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
      .map(({ key, last, ...counts }) => ({
        channel: key[0],
        day: key[1],
        minute: new Date(last).toISOString().slice(11, 16),
        ...counts,
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
