/** q23: each bid with its bidder, and with each auction that the bidder has opened. */

import { list, value } from 'holdfast';

const row = (bid, person, auction) => ({
  auction: bid.auction,
  bidder: bid.bidder,
  price: bid.price,
  channel: bid.channel,
  dateTime: bid.dateTime,
  extra: bid.extra,
  name: person.name,
  city: person.city,
  state: person.state,
  opened: auction.id,
  itemName: auction.itemName,
  category: auction.category,
});

export const q23 = {
  build: (events) =>
    events
      .keyBy((event) => {
        if (event.kind === 'person') return event.id;
        return event.kind === 'auction' ? event.seller : event.bidder;
      })
      .process({
        /** Kept for good: whichever of the three comes last gives the rows. */
        state: { person: value(), auctions: list(), bids: list() },
        onElement(event, { state }, out) {
          const isOf = (kind) => event.kind === kind;
          if (isOf('person')) state.person.set(event);
          else if (isOf('auction')) state.auctions.add(event);
          else state.bids.add(event);
          const person = state.person.get();
          if (person === undefined) return;
          const auctions = isOf('auction') ? [event] : [...state.auctions.values()];
          if (auctions.length === 0) return;
          const bids = isOf('bid') ? [event] : [...state.bids.values()];
          for (const auction of auctions) {
            for (const bid of bids) out.emit(row(bid, person, auction));
          }
        },
      })
      .uid('bidders'),
  sql: `
    SELECT b.auction, b.bidder, b.price, b.channel, b.dateTime, b.extra, p.name, p.city, p.state,
      a.id AS opened, a.itemName, a.category
    FROM bid b JOIN person p ON p.id = b.bidder JOIN auction a ON a.seller = b.bidder`,
};
