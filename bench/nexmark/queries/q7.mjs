/** q7: the bids with the highest price of each 10 s. All bids of a window have one key, so one instance has them. */

import { aggregation, seconds, tumbling } from 'holdfast';
import { bidsOf } from './bids.mjs';

const highest = aggregation({
  initial: () => ({ price: 0, bids: [] }),
  add(best, { auction, bidder, price, dateTime, extra }) {
    if (price < best.price) return;
    if (price > best.price) {
      best.price = price;
      best.bids = [];
    }
    best.bids.push({ auction, bidder, price, dateTime, extra });
  },
  result: ({ bids }) => bids,
});

export const q7 = {
  build: (events) =>
    bidsOf(events)
      .keyBy(() => 'all')
      .window(tumbling(seconds(10)))
      .aggregate({ highest })
      .uid('highest')
      .flatMap((row) => row.highest),
  sql: `
    SELECT auction, bidder, price, dateTime, extra FROM bid
    QUALIFY price = max(price) OVER (PARTITION BY dateTime // 10000)`,
};
