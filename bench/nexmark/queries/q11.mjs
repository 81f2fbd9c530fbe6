/** q11: how many bids each bidder made in a session: bids that are at most 10 s apart. */

import { map, seconds } from 'holdfast';
import { bidsOf } from './bids.mjs';

const GAP_MS = seconds(10);

export const q11 = {
  build: (events) =>
    bidsOf(events)
      .keyBy(({ bidder }) => bidder)
      .process({
        /**
         * By their starts, the sessions that may still grow: bids come out of order, and of splits that are ahead, so
         * there may be more than one, and a bid may join two. Each has a timer where it ends.
         */
        state: { sessions: map() },
        onElement(_, { state: { sessions }, timers, timestamp }) {
          const session = { start: timestamp, last: timestamp, bids: 1 };
          for (const [start, { last, bids }] of sessions.entries()) {
            if (timestamp < start - GAP_MS || timestamp > last + GAP_MS) continue;
            session.start = Math.min(session.start, start);
            session.last = Math.max(session.last, last);
            session.bids += bids;
            sessions.delete(start);
            timers.deleteEventTime(last + GAP_MS);
          }
          sessions.set(session.start, session);
          timers.eventTime(session.last + GAP_MS);
        },
        onTimer(time, { key, state: { sessions } }, out) {
          for (const [start, { last, bids }] of sessions.entries()) {
            if (last + GAP_MS !== time) continue;
            sessions.delete(start);
            out.emit({ bidder: key, bids, start, end: time });
          }
        },
      })
      .uid('sessions'),
  sql: `
    WITH steps AS (
      SELECT bidder, dateTime,
        coalesce(dateTime - lag(dateTime) OVER (PARTITION BY bidder ORDER BY dateTime) > 10000, true) AS isFirst
      FROM bid
    ), sessions AS (
      SELECT bidder, dateTime, sum(isFirst::INTEGER) OVER (
        PARTITION BY bidder ORDER BY dateTime ROWS UNBOUNDED PRECEDING) AS session
      FROM steps
    )
    SELECT bidder, count(*) AS bids, min(dateTime) AS start, max(dateTime) + 10000 AS end
    FROM sessions GROUP BY bidder, session`,
};
