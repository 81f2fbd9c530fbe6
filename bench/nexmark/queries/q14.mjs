/** q14: dear bids, with the time of day (UTC) and how often `extra` has a c. */

import { bidsOf } from './bids.mjs';

const HOUR_MS = 3_600_000;

function label(hour) {
  if (hour >= 8 && hour <= 18) return 'dayTime';
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime';
}

function countC(text) {
  let count = 0;
  for (let i = text.indexOf('c'); i >= 0; i = text.indexOf('c', i + 1)) count += 1;
  return count;
}

export const q14 = {
  build: (events) =>
    bidsOf(events)
      .filter(({ price }) => price * 0.908 > 1_000_000 && price * 0.908 < 50_000_000)
      .map(({ auction, bidder, price, dateTime, extra }) => ({
        auction,
        bidder,
        price: price * 0.908,
        bidTimeType: label(Math.floor(dateTime / HOUR_MS) % 24),
        dateTime,
        extra,
        cCounts: countC(extra),
      })),
  sql: `
    SELECT auction, bidder, price * 0.908::DOUBLE AS price,
      CASE WHEN hour(make_timestamp_ms(dateTime)) BETWEEN 8 AND 18 THEN 'dayTime'
        WHEN hour(make_timestamp_ms(dateTime)) BETWEEN 7 AND 19 THEN 'otherTime'
        ELSE 'nightTime' END AS bidTimeType,
      dateTime, extra, length(regexp_replace(extra, '[^c]', '', 'g')) AS cCounts
    FROM bid WHERE price * 0.908::DOUBLE > 1000000 AND price * 0.908::DOUBLE < 50000000`,
};
