/** q19: the ten highest bids of each auction, with their ranks. Of bids as high as another the earliest is ahead. */

import { value } from 'holdfast';
import { bidsOf } from './bids.mjs';

const RANKS = 10;
/** What decides between bids of one price, the lesser first. */
const ORDER = ['dateTime', 'bidder', 'extra', 'channel'];

function isAhead(bid, other) {
  if (bid.price !== other.price) return bid.price > other.price;
  const field = ORDER.find((name) => bid[name] !== other[name]);
  return field !== undefined && bid[field] < other[field];
}

export const q19 = {
  build: (events) =>
    bidsOf(events)
      .keyBy(({ auction }) => auction)
      .process({
        state: { highest: value(), revision: value() },
        onElement({ kind: _, ...bid }, { state }, out) {
          const highest = state.highest.get() ?? [];
          let place = highest.length;
          while (place > 0 && isAhead(bid, highest[place - 1])) place -= 1;
          if (place === RANKS) return;
          highest.splice(place, 0, bid);
          if (highest.length > RANKS) highest.pop();
          const revision = (state.revision.get() ?? 0) + 1;
          state.highest.set(highest);
          state.revision.set(revision);
          for (let i = place; i < highest.length; i += 1) {
            out.emit({ ...highest[i], rank: i + 1, revision });
          }
        },
      })
      .uid('highest'),
  /** A row for each rank that another bid takes. */
  updates: { key: ({ auction, rank }) => `${auction} ${rank}` },
  sql: `
    SELECT auction, bidder, price, channel, url, dateTime, extra, row_number() OVER (
      PARTITION BY auction ORDER BY price DESC, dateTime, bidder, extra, channel) AS rank
    FROM bid QUALIFY rank <= 10`,
};
