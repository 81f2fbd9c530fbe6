/** q13: bids with what a bounded second input, of 10 000 records, says of their auctions. */

import { generate } from 'holdfast';
import { bidsOf } from './bids.mjs';

const KEYS = 10_000;
const side = (key) => ({ key, value: `value ${(key * 7_919) % KEYS}` });

export const q13 = {
  build: (events) =>
    bidsOf(events)
      .lookup(generate(side, { count: KEYS }), {
        key: ({ auction }) => auction % KEYS,
        tableKey: ({ key }) => key,
        select: ({ auction, bidder, price, dateTime }, { value }) => ({
          auction,
          bidder,
          price,
          dateTime,
          value,
        }),
      })
      .uid('values'),
  sql: `
    SELECT auction, bidder, price, dateTime, 'value ' || (key * 7919 % 10000) AS value
    FROM bid JOIN (SELECT range AS key FROM range(10000)) ON key = auction % 10000`,
};
