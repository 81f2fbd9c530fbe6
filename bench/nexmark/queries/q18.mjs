/** q18: the last bid of each bidder for each auction. Of bids at the same time the one whose other fields are greater. */

import { appliedChanges } from '../compare.mjs';
import { bidsOf } from './bids.mjs';

export const q18 = {
  build: (events) =>
    bidsOf(events)
      .map(({ kind: _, ...bid }) => bid)
      .distinctBy(({ auction, bidder }) => [auction, bidder], {
        keep: 'last',
        by: [(bid) => bid.dateTime, (bid) => bid.price, (bid) => bid.channel, (bid) => bid.extra],
      })
      .uid('last')
      .asRecords(),
  compared: appliedChanges,
  sql: `
    SELECT auction, bidder, price, channel, url, dateTime, extra FROM bid
    QUALIFY row_number() OVER (
      PARTITION BY auction, bidder ORDER BY dateTime DESC, price DESC, channel DESC, extra DESC) = 1`,
};
