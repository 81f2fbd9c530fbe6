/** q17: for each auction and day (UTC) how many bids there were, of each rank as well, and their prices. */

import { average, count, max, min, sum } from 'holdfast';
import { bidsOf } from './bids.mjs';

const DAY_MS = 86_400_000;
const within = (from, to) => sum(({ price }) => (price >= from && price < to ? 1 : 0));

export const q17 = {
  build: (events) =>
    bidsOf(events)
      .map(({ auction, price, dateTime }) => ({
        auction,
        price,
        day: Math.floor(dateTime / DAY_MS) * DAY_MS,
      }))
      .keyBy(({ auction, day }) => [auction, day])
      .aggregate({
        bids: count(),
        rank1: within(0, 10_000),
        rank2: within(10_000, 1_000_000),
        rank3: within(1_000_000, Number.POSITIVE_INFINITY),
        least: min(({ price }) => price),
        most: max(({ price }) => price),
        mean: average(({ price }) => price),
        total: sum(({ price }) => price),
      })
      .uid('days')
      .map(({ key, bids, rank1, rank2, rank3, least, most, mean, total }) => ({
        auction: key[0],
        day: key[1],
        bids,
        rank1,
        rank2,
        rank3,
        least,
        most,
        mean,
        total,
      })),
  /** A row for each bid; what stands in the end is the one with the most bids. */
  updates: { key: ({ auction, day }) => `${auction} ${day}`, version: ({ bids }) => bids },
  sql: `
    SELECT auction, epoch_ms(date_trunc('day', make_timestamp_ms(dateTime))::TIMESTAMP) AS day,
      count(*) AS bids, count(*) FILTER (price < 10000) AS rank1,
      count(*) FILTER (price >= 10000 AND price < 1000000) AS rank2,
      count(*) FILTER (price >= 1000000) AS rank3,
      min(price) AS least, max(price) AS most, avg(price) AS mean, sum(price) AS total
    FROM bid GROUP BY ALL`,
};
