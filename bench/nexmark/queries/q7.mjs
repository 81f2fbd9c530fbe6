/** q7: the bids with the highest price of each 10 s. */

import { desc, seconds, topN, tumbling } from 'holdfast';
import { bidsOf } from './bids.mjs';

export const q7 = {
  build: (events) =>
    bidsOf(events)
      .windowAll(tumbling(seconds(10)))
      .preAggregate()
      .aggregate({ highest: topN(1, { by: desc((bid) => bid.price), ties: 'all' }) })
      .uid('highest')
      .flatMap(({ highest }) =>
        highest.map(({ auction, bidder, price, dateTime, extra }) => ({
          auction,
          bidder,
          price,
          dateTime,
          extra,
        })),
      ),
  sql: `
    SELECT auction, bidder, price, dateTime, extra FROM bid
    QUALIFY price = max(price) OVER (PARTITION BY dateTime // 10000)`,
};
