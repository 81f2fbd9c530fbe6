/** q12: how many bids of each bidder come within 10 s of the clock. */

import { count, processingTime, seconds, tumbling } from 'holdfast';
import { bidsOf } from './bids.mjs';

export const q12 = {
  build: (events) =>
    bidsOf(events)
      .map(({ bidder }) => ({ bidder }))
      .keyBy(({ bidder }) => bidder)
      .window(processingTime(tumbling(seconds(10)), { partial: 'emit' }))
      .aggregate({ bids: count() })
      .uid('windows')
      .map(({ key: bidder, bids, windowStart: start }) => ({ bidder, bids, start })),
  /** When a bid is processed differs from run to run, so what is compared is how many each bidder has in all. */
  compared(rows) {
    const totals = new Map();
    for (const { bidder, bids } of rows) totals.set(bidder, (totals.get(bidder) ?? 0) + bids);
    return [...totals].map(([bidder, bids]) => ({ bidder, bids }));
  },
  sql: 'SELECT bidder, count(*) AS bids FROM bid GROUP BY bidder',
};
