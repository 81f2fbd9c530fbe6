/** q18: the last bid of each bidder for each auction. Of bids at the same time the one whose other fields are greater. */

import { value } from 'holdfast';
import { bidsOf } from './bids.mjs';

const ORDER = ['dateTime', 'price', 'channel', 'extra'];

function isLater(bid, other) {
  const field = ORDER.find((name) => bid[name] !== other[name]);
  return field !== undefined && bid[field] > other[field];
}

export const q18 = {
  build: (events) =>
    bidsOf(events)
      .keyBy(({ auction, bidder }) => [auction, bidder])
      .process({
        state: { last: value(), revision: value() },
        onElement({ kind: _, ...bid }, { state }, out) {
          const last = state.last.get();
          if (last !== undefined && !isLater(bid, last)) return;
          const revision = (state.revision.get() ?? 0) + 1;
          state.last.set(bid);
          state.revision.set(revision);
          out.emit({ ...bid, revision });
        },
      })
      .uid('last'),
  /** A row whenever another bid is the last one. */
  updates: { key: ({ auction, bidder }) => `${auction} ${bidder}` },
  sql: `
    SELECT auction, bidder, price, channel, url, dateTime, extra FROM bid
    QUALIFY row_number() OVER (
      PARTITION BY auction, bidder ORDER BY dateTime DESC, price DESC, channel DESC, extra DESC) = 1`,
};
