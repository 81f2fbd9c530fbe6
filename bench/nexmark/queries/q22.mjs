/** q22: bids with the three folders of their url. */

import { bidsOf } from './bids.mjs';

export const q22 = {
  build: (events) =>
    bidsOf(events).map(({ auction, bidder, price, channel, url }) => {
      const [, , , dir1, dir2, dir3] = url.split('/', 6);
      return { auction, bidder, price, channel, dir1, dir2, dir3 };
    }),
  sql: `
    SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1,
      split_part(url, '/', 5) AS dir2, split_part(url, '/', 6) AS dir3 FROM bid`,
};
