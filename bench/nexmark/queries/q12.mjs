/** q12: how many bids of each bidder come within 10 s of the clock. */

import { seconds, value } from 'holdfast';
import { bidsOf } from './bids.mjs';

const SIZE_MS = seconds(10);
/** Timers of the clock do not fire when the input ends, those of event time all do. No watermark comes here before. */
const END_OF_INPUT = Number.MAX_SAFE_INTEGER;

export const q12 = {
  build: (events) =>
    bidsOf(events)
      .keyBy(({ bidder }) => bidder)
      .process({
        state: { window: value() },
        onElement(_, context, out) {
          const { state, timers } = context;
          const start = Math.floor(Date.now() / SIZE_MS) * SIZE_MS;
          const window = state.window.get();
          if (window?.start === start) {
            state.window.set({ start, bids: window.bids + 1 });
            return;
          }
          if (window !== undefined) close(window, context, out); // Its timer has not had its turn yet.
          state.window.set({ start, bids: 1 });
          timers.processingTime(start + SIZE_MS);
          timers.eventTime(END_OF_INPUT);
        },
        onTimer(_, context, out) {
          close(context.state.window.get(), context, out);
        },
      })
      .uid('windows'),
  /** When a bid is processed differs from run to run, so what is compared is how many each bidder has in all. */
  compared(rows) {
    const totals = new Map();
    for (const { bidder, bids } of rows) totals.set(bidder, (totals.get(bidder) ?? 0) + bids);
    return [...totals].map(([bidder, bids]) => ({ bidder, bids }));
  },
  sql: 'SELECT bidder, count(*) AS bids FROM bid GROUP BY bidder',
};

function close({ start, bids }, { key, state, timers }, out) {
  out.emit({ bidder: key, bids, start });
  state.window.clear();
  timers.deleteProcessingTime(start + SIZE_MS);
  timers.deleteEventTime(END_OF_INPUT);
}
