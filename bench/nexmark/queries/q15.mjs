/** q15: for each day (UTC) how many bids, bidders and auctions there were, of each rank of price as well. */

import { bidsOf } from './bids.mjs';
import { RANK_COUNTS_SQL, rankCounts } from './rank-counts.mjs';

const DAY_MS = 86_400_000;

export const q15 = {
  build: (events) =>
    rankCounts(bidsOf(events), ({ dateTime }) => [Math.floor(dateTime / DAY_MS) * DAY_MS]).map(
      ({ key, ...counts }) => ({ day: key[0], ...counts }),
    ),
  updates: { key: ({ day }) => day },
  sql: `
    SELECT epoch_ms(date_trunc('day', make_timestamp_ms(dateTime))::TIMESTAMP) AS day, ${RANK_COUNTS_SQL}
    FROM bid GROUP BY day`,
};
