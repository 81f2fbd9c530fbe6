/** Bids, bidders and auctions, of each rank of price as well, which q15 and q16 count. */

import { count, sum, value } from 'holdfast';

/** Bit i stands for rank i + 1. */
const RANKS = [1, 2, 4];

function rankOf(price) {
  if (price < 10_000) return 1;
  return price < 1_000_000 ? 2 : 4;
}

const ones = (name) => sum((delta) => (delta[name] === 0 ? 0 : 1));
const ofRank = (name, i) => sum((delta) => ((delta[name] & RANKS[i]) === 0 ? 0 : 1));

/** A bidder or auction counts in all when its first bid comes. */
const distinct = (name) => ({
  [name]: sum((delta) => (delta[name] !== 0 && delta.isFirst ? 1 : 0)),
  ...byRank(name),
});

const byRank = (name) => ({
  [`${name}Rank1`]: ofRank(name, 0),
  [`${name}Rank2`]: ofRank(name, 1),
  [`${name}Rank3`]: ofRank(name, 2),
});

/**
 * A row for each change: `key`, the group; twelve counts; `revision`, which grows with each row of a group.
 *
 * A set of a group's bidders in one state would be written whole to each checkpoint. So each bidder and each auction
 * of a group is a key of its own, whose state is the ranks that it has had, and what it passes on are the new ones.
 *
 * @param bids a stream
 * @param {(bid) => readonly (string | number)[]} groupOf
 * @param {object} more further aggregations, over records that have the `dateTime` of a bid
 */
export function rankCounts(bids, groupOf, more = {}) {
  return bids
    .flatMap((bid) => {
      const { bidder, auction, price, dateTime } = bid;
      const common = { group: groupOf(bid), rank: rankOf(price), dateTime };
      return [
        { ...common, of: 'bidders', id: bidder },
        { ...common, of: 'auctions', id: auction },
      ];
    })
    .keyBy(({ group, of, id }) => [...group, of, id])
    .process({
      state: { ranks: value() },
      onElement({ group, of, rank, dateTime }, { state }, out) {
        const ranks = state.ranks.get() ?? 0;
        const isNew = (ranks & rank) === 0;
        if (isNew) state.ranks.set(ranks | rank);
        const bids = of === 'bidders' ? rank : 0; // Each bid comes twice, and counts once.
        if (!isNew && bids === 0) return;
        const delta = { group, dateTime, bids, bidders: 0, auctions: 0, isFirst: ranks === 0 };
        if (isNew) delta[of] = rank;
        out.emit(delta);
      },
    })
    .uid('distinct')
    .keyBy(({ group }) => group)
    .aggregate({
      revision: count(),
      bids: ones('bids'),
      ...byRank('bids'),
      ...distinct('bidders'),
      ...distinct('auctions'),
      ...more,
    })
    .uid('counts');
}

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
