/** q2: the bids of some auctions. */

import { bidsOf } from './bids.mjs';

export const q2 = {
  build: (events) =>
    bidsOf(events)
      .filter(({ auction }) => auction % 123 === 0)
      .map(({ auction, price }) => ({ auction, price })),
  sql: 'SELECT auction, price FROM bid WHERE auction % 123 = 0',
};
