/** q6: for each auction that is over the average price of its seller's last ten. Of those that end at once the ids decide. */

import { map, value } from 'holdfast';
import { winningBids } from './winning-bids.mjs';

const LAST = 10;

export const q6 = {
  build: (events) =>
    winningBids(events)
      .map(({ auction: { id, seller, expires }, bid: { price } }) => ({
        id,
        seller,
        expires,
        price,
      }))
      .keyBy(({ seller }) => seller)
      .process({
        /** Auctions reach their seller in any order, so each waits until event time is where it ends. */
        state: { open: map(), prices: value() },
        onElement({ id, expires, price }, { state, timers }) {
          state.open.set(id, { expires, price });
          timers.eventTime(expires);
        },
        onTimer(time, { key, state }, out) {
          const ended = [...state.open.entries()]
            .filter(([, { expires }]) => expires === time)
            .sort(([id], [other]) => id - other);
          let prices = state.prices.get() ?? [];
          for (const [id, { price }] of ended) {
            prices = [...prices, price].slice(-LAST);
            out.emit({
              seller: key,
              auction: id,
              price: prices.reduce((a, b) => a + b) / prices.length,
            });
            state.open.delete(id);
          }
          state.prices.set(prices);
        },
      })
      .uid('sellers'),
  sql: `
    WITH won AS (
      SELECT a.id, a.seller, a.expires, max(b.price) AS highest
      FROM auction a JOIN bid b ON b.auction = a.id AND b.dateTime BETWEEN a.dateTime AND a.expires
      GROUP BY a.id, a.seller, a.expires)
    SELECT seller, id AS auction, avg(highest) OVER (
      PARTITION BY seller ORDER BY expires, id ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS price
    FROM won`,
};
