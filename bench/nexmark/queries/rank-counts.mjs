/** Bids, bidders and auctions, of each rank of price as well, which q15 and q16 count. */

import { count, distinctCount, sum } from 'holdfast';

/** Prices in cents, from (inclusive) and to (exclusive). */
const RANKS = {
  Rank1: ({ price }) => price < 10_000,
  Rank2: ({ price }) => price >= 10_000 && price < 1_000_000,
  Rank3: ({ price }) => price >= 1_000_000,
};

const byRank = (name, aggregation) =>
  Object.fromEntries(
    Object.entries(RANKS).map(([rank, isIn]) => [`${name}${rank}`, aggregation(isIn)]),
  );

const distinct = (name, idOf) => ({
  [name]: distinctCount(idOf),
  ...byRank(name, (isIn) => distinctCount((bid) => (isIn(bid) ? idOf(bid) : null))),
});

/** Twelve counts of bids. */
export const rankCounts = {
  bids: count(),
  ...byRank('bids', (isIn) => sum((bid) => (isIn(bid) ? 1 : 0))),
  ...distinct('bidders', ({ bidder }) => bidder),
  ...distinct('auctions', ({ auction }) => auction),
};

/** The same counts in SQL. */
export const RANK_COUNTS_SQL = [
  ['bids', '*'],
  ['bidders', 'DISTINCT bidder'],
  ['auctions', 'DISTINCT auction'],
]
  .map(
    ([name, what]) => `
      count(${what}) AS ${name},
      count(${what}) FILTER (price < 10000) AS ${name}Rank1,
      count(${what}) FILTER (price >= 10000 AND price < 1000000) AS ${name}Rank2,
      count(${what}) FILTER (price >= 1000000) AS ${name}Rank3`,
  )
  .join(',');
