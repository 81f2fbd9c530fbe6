/** q1: bids with their price in euros, at 0.908 a dollar. */

import { bidsOf } from './bids.mjs';

export const q1 = {
  build: (events) =>
    bidsOf(events).map(({ auction, bidder, price, dateTime, extra }) => ({
      auction,
      bidder,
      price: price * 0.908,
      dateTime,
      extra,
    })),
  sql: 'SELECT auction, bidder, price * 0.908::DOUBLE AS price, dateTime, extra FROM bid',
};
