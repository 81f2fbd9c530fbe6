/** q19: the ten highest bids of each auction, with their ranks. Of bids as high as another the earliest is ahead. */

import { asc, desc } from 'holdfast';
import { appliedChanges } from '../compare.mjs';
import { bidsOf } from './bids.mjs';

export const q19 = {
  build: (events) =>
    bidsOf(events)
      .map(({ kind: _, ...bid }) => bid)
      .keyBy(({ auction }) => auction)
      .topN(10, {
        by: [
          desc((bid) => bid.price),
          asc((bid) => bid.dateTime),
          asc((bid) => bid.bidder),
          asc((bid) => bid.extra),
          asc((bid) => bid.channel),
        ],
        rank: 'rank',
      })
      .uid('highest')
      .asRecords(),
  compared: appliedChanges,
  sql: `
    SELECT auction, bidder, price, channel, url, dateTime, extra, row_number() OVER (
      PARTITION BY auction ORDER BY price DESC, dateTime, bidder, extra, channel) AS rank
    FROM bid QUALIFY rank <= 10`,
};
