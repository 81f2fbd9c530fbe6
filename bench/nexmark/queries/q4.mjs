/** q4: for each category how many auctions had a winning bid, and the average of their prices. */

import { average, count } from 'holdfast';
import { winningBids } from './winning-bids.mjs';

export const q4 = {
  build: (events) =>
    winningBids(events)
      .map(({ auction: { category }, bid: { price } }) => ({ category, price }))
      .keyBy(({ category }) => category)
      .aggregate({ auctions: count(), price: average(({ price }) => price) })
      .uid('categories')
      .map(({ key, auctions, price }) => ({ category: key, auctions, price })),
  /** A row for each auction that is over; what stands in the end is the one with the most auctions. */
  updates: { key: ({ category }) => category, version: ({ auctions }) => auctions },
  sql: `
    SELECT category, count(*) AS auctions, avg(highest) AS price FROM (
      SELECT a.id, a.category, max(b.price) AS highest
      FROM auction a JOIN bid b ON b.auction = a.id AND b.dateTime BETWEEN a.dateTime AND a.expires
      GROUP BY a.id, a.category)
    GROUP BY category`,
};
