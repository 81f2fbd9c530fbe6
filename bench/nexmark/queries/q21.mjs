/** q21: bids with the number of their channel, where it has one: four are known, others have it in their url. */

import { bidsOf } from './bids.mjs';

const KNOWN = new Map([
  ['apple', '0'],
  ['google', '1'],
  ['facebook', '2'],
  ['baidu', '3'],
]);
const IN_URL = /[?&]channel_id=([^&]*)/;

const channelId = ({ channel, url }) =>
  KNOWN.get(channel.toLowerCase()) ?? IN_URL.exec(url)?.[1] ?? null;

export const q21 = {
  build: (events) =>
    bidsOf(events)
      .map((bid) => ({
        auction: bid.auction,
        bidder: bid.bidder,
        price: bid.price,
        channel: bid.channel,
        channelId: channelId(bid),
      }))
      .filter((row) => row.channelId !== null),
  sql: `
    SELECT auction, bidder, price, channel,
      CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2'
        WHEN 'baidu' THEN '3' ELSE split_part(url, 'channel_id=', 2) END AS channelId
    FROM bid
    WHERE lower(channel) IN ('apple', 'google', 'facebook', 'baidu') OR contains(url, 'channel_id=')`,
};
