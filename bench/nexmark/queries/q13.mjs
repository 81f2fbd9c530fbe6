/** q13: bids with what a bounded second input, of 10 000 records, says of their auctions. */

import { generate } from 'holdfast';
import { bidsOf } from './bids.mjs';
import { joinWithOne } from './join.mjs';

const KEYS = 10_000;
const side = (key) => ({ kind: 'side', key, value: `value ${(key * 7_919) % KEYS}` });

export const q13 = {
  build: (events, env) =>
    joinWithOne(
      env
        .from(generate(side, { count: KEYS }))
        .uid('side')
        .union(bidsOf(events))
        .keyBy((record) => (record.kind === 'side' ? record.key : record.auction % KEYS)),
      {
        isOne: ({ kind }) => kind === 'side',
        isWanted: () => true,
        row: ({ auction, bidder, price, dateTime }, { value }) => ({
          auction,
          bidder,
          price,
          dateTime,
          value,
        }),
      },
    ).uid('values'),
  sql: `
    SELECT auction, bidder, price, dateTime, 'value ' || (key * 7919 % 10000) AS value
    FROM bid JOIN (SELECT range AS key FROM range(10000)) ON key = auction % 10000`,
};
