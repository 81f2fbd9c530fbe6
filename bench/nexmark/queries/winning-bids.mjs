/** Auctions with the bids that have won them, which q4, q6 and q9 begin with. */

import { map, value } from 'holdfast';

/** The highest bid wins, of bids as high as another the earliest; then the data decides. */
function isBetter(bid, other) {
  if (bid.price !== other.price) return bid.price > other.price;
  if (bid.dateTime !== other.dateTime) return bid.dateTime < other.dateTime;
  if (bid.bidder !== other.bidder) return bid.bidder < other.bidder;
  return bid.extra < other.extra;
}

/**
 * A record `{ auction, bid }` for each auction that has a bid between its `dateTime` and `expires`, at the event time
 * at which it expires: all its bids have come then, so the record stands.
 *
 * A bid may come before its auction. What is kept of those is the best one of each time, until event time is there: the
 * auction would have come by then if it had been open. So bids for auctions that are over are forgotten as well.
 */
export function winningBids(events) {
  return events
    .filter(({ kind }) => kind !== 'person')
    .keyBy((event) => (event.kind === 'auction' ? event.id : event.auction))
    .process({
      state: { auction: value(), best: value(), early: map() },
      onElement(event, { state, timers, timestamp }) {
        if (event.kind === 'auction') {
          state.auction.set(event);
          timers.eventTime(event.expires);
          for (const [, bid] of state.early.entries()) offer(bid, event, state);
          state.early.clear();
          return;
        }
        const auction = state.auction.get();
        if (auction !== undefined) {
          offer(event, auction, state);
          return;
        }
        const rival = state.early.get(timestamp);
        if (rival === undefined || isBetter(event, rival)) state.early.set(timestamp, event);
        timers.eventTime(timestamp);
      },
      onTimer(time, { state }, out) {
        state.early.delete(time);
        const auction = state.auction.get();
        if (auction?.expires !== time) return;
        const bid = state.best.get();
        if (bid !== undefined) out.emit({ auction, bid });
        state.auction.clear();
        state.best.clear();
      },
    })
    .uid('winners');
}

function offer(bid, { dateTime, expires }, state) {
  if (bid.dateTime < dateTime || bid.dateTime > expires) return;
  const best = state.best.get();
  if (best === undefined || isBetter(bid, best)) state.best.set(bid);
}
