/** q5: the auctions with the most bids of each 10 s, every 2 s; all of them, where several have as many. */

import { aggregation, map, seconds, tumbling } from 'holdfast';
import { bidsOf } from './bids.mjs';

const SIZE_MS = seconds(10);
const SLIDE_MS = seconds(2);

const hottest = aggregation({
  initial: () => ({ bids: 0, auctions: [] }),
  add(most, { auction, bids }) {
    if (bids < most.bids) return;
    if (bids > most.bids) {
      most.bids = bids;
      most.auctions = [];
    }
    most.auctions.push(auction);
  },
  result: (most) => most,
});

export const q5 = {
  build: (events) =>
    bidsOf(events)
      .keyBy(({ auction }) => auction)
      .process({
        /** Bids by the 2 s in which they came: a bid counts once here, and in five windows that end later. */
        state: { panes: map() },
        onElement(_, { state: { panes }, timers, timestamp }) {
          const pane = Math.floor(timestamp / SLIDE_MS) * SLIDE_MS;
          const bids = panes.get(pane) ?? 0;
          panes.set(pane, bids + 1);
          if (bids > 0) return;
          for (let end = pane + SLIDE_MS; end <= pane + SIZE_MS; end += SLIDE_MS) {
            timers.eventTime(end - 1);
          }
        },
        onTimer(time, { key, state: { panes } }, out) {
          const end = time + 1;
          let bids = 0;
          for (const [pane, count] of panes.entries()) if (pane < end) bids += count;
          panes.delete(end - SIZE_MS);
          out.emit({ auction: key, bids, end });
        },
      })
      .uid('panes')
      // Each window's counts have its last millisecond as their time, so they are all that is in these 2 s.
      .keyBy(({ end }) => end)
      .window(tumbling(SLIDE_MS))
      .aggregate({ hottest })
      .uid('hottest')
      .flatMap(({ key, hottest: { bids, auctions } }) =>
        auctions.map((auction) => ({ auction, bids, start: key - SIZE_MS, end: key })),
      ),
  sql: `
    WITH counts AS (
      SELECT auction, dateTime // 2000 * 2000 + 2000 * k.range AS "end", count(*) AS bids
      FROM bid, range(1, 6) k GROUP BY ALL)
    SELECT auction, bids, "end" - 10000 AS start, "end" FROM counts
    QUALIFY bids = max(bids) OVER (PARTITION BY "end")`,
};
