/**
 * Bids with seven fields (four numbers, three strings of 8–50 characters), a pure function of the
 * index, in the proportions of Nexmark: some hot auctions, many cold ones.
 */

const CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'];
const URLS = CHANNELS.map(
  (name) => `https://www.nexmark.com/${name.toLowerCase()}/item.htm?query=1`,
);
const EXTRAS = Array.from({ length: 64 }, (_, i) =>
  Array.from({ length: 8 + ((i * 7) % 43) }, (__, k) =>
    String.fromCharCode(97 + ((i * 31 + k * 17) % 26)),
  ).join(''),
);

/** @param {number} i */
export function bid(i) {
  const mixed = Math.imul(i ^ (i >>> 15), 0x2c1b3c6d) >>> 0;
  const hot = (mixed & 1) === 0;
  const channel = (mixed >>> 3) & 3;
  return {
    auction: 1_000 + (hot ? ((i >>> 10) % 100) * 100 : mixed % 100_000),
    bidder: 1_000 + ((mixed >>> 7) % 50_000),
    price: 100 + ((mixed >>> 5) % 1_000_000),
    channel: CHANNELS[channel],
    url: URLS[channel],
    dateTime: 1_700_000_000_000 + i,
    extra: EXTRAS[mixed & 63],
  };
}
