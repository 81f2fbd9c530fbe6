/** q10: bids in files, in a folder for each day and minute (UTC). */

import { bidsOf } from './bids.mjs';

/** `2023-11-15/23.59` */
function folderOf({ dateTime }) {
  const text = new Date(dateTime).toISOString();
  return `${text.slice(0, 10)}/${text.slice(11, 16).replace(':', '.')}`;
}

export const q10 = {
  build: (events) =>
    bidsOf(events).map(({ auction, bidder, price, dateTime, extra }) => ({
      auction,
      bidder,
      price,
      dateTime,
      extra,
    })),
  /** The answer is what stands in files: each row with the folder in which it was found. */
  partitionBy: folderOf,
  sql: `
    SELECT auction, bidder, price, dateTime, extra,
      strftime(make_timestamp_ms(dateTime), '%Y-%m-%d/%H.%M') AS folder FROM bid`,
};
