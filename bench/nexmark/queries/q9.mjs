/** q9: each auction with the bid that has won it. */

import { winningBids } from './winning-bids.mjs';

export const q9 = {
  build: (events) =>
    winningBids(events).map(({ auction: { kind: _, ...auction }, bid }) => ({
      ...auction,
      bidder: bid.bidder,
      price: bid.price,
      bidTime: bid.dateTime,
      bidExtra: bid.extra,
    })),
  sql: `
    SELECT a.*, b.bidder, b.price, b.dateTime AS bidTime, b.extra AS bidExtra
    FROM auction a JOIN bid b ON b.auction = a.id AND b.dateTime BETWEEN a.dateTime AND a.expires
    QUALIFY row_number() OVER (
      PARTITION BY a.id ORDER BY b.price DESC, b.dateTime, b.bidder, b.extra) = 1`,
};
