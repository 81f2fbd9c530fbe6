/** q20: the bids for auctions of category 10, with the auction. */

import { joinWithOne } from './join.mjs';

export const q20 = {
  build: (events) =>
    joinWithOne(
      events
        .filter(({ kind }) => kind !== 'person')
        .keyBy((event) => (event.kind === 'auction' ? event.id : event.auction)),
      {
        isOne: ({ kind }) => kind === 'auction',
        isWanted: ({ category }) => category === 10,
        row: (bid, auction) => ({
          auction: bid.auction,
          bidder: bid.bidder,
          price: bid.price,
          channel: bid.channel,
          url: bid.url,
          dateTime: bid.dateTime,
          extra: bid.extra,
          itemName: auction.itemName,
          description: auction.description,
          initialBid: auction.initialBid,
          reserve: auction.reserve,
          opened: auction.dateTime,
          expires: auction.expires,
          seller: auction.seller,
          category: auction.category,
          auctionExtra: auction.extra,
        }),
      },
    ).uid('auctions'),
  sql: `
    SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.dateTime, b.extra, a.itemName, a.description,
      a.initialBid, a.reserve, a.dateTime AS opened, a.expires, a.seller, a.category, a.extra AS auctionExtra
    FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10`,
};
