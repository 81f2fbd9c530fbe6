/** q0: every bid, with all fields. */

import { bidsOf } from './bids.mjs';

export const q0 = {
  build: (events) =>
    bidsOf(events).map(({ auction, bidder, price, channel, url, dateTime, extra }) => ({
      auction,
      bidder,
      price,
      channel,
      url,
      dateTime,
      extra,
    })),
  sql: 'SELECT auction, bidder, price, channel, url, dateTime, extra FROM bid',
};
