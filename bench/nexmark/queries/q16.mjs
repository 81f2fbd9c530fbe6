/** q16: what q15 counts, for each channel and day (UTC), with the last minute of the day in which a bid came. */

import { max } from 'holdfast';
import { bidsOf } from './bids.mjs';
import { RANK_COUNTS_SQL, rankCounts } from './rank-counts.mjs';

const DAY_MS = 86_400_000;

export const q16 = {
  build: (events) =>
    rankCounts(
      bidsOf(events),
      ({ channel, dateTime }) => [channel, Math.floor(dateTime / DAY_MS) * DAY_MS],
      { last: max(({ dateTime }) => dateTime) },
    ).map(({ key, last, ...counts }) => ({
      channel: key[0],
      day: key[1],
      minute: new Date(last).toISOString().slice(11, 16),
      ...counts,
    })),
  updates: { key: ({ channel, day }) => `${channel} ${day}` },
  sql: `
    SELECT channel, epoch_ms(date_trunc('day', make_timestamp_ms(dateTime))::TIMESTAMP) AS day,
      max(strftime(make_timestamp_ms(dateTime), '%H:%M')) AS minute, ${RANK_COUNTS_SQL}
    FROM bid GROUP BY channel, day`,
};
