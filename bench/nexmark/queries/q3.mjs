/** q3: the auctions of category 10 whose sellers live in three states, with the seller. */

const STATES = new Set(['OR', 'ID', 'CA']);

export const q3 = {
  build: (events) => {
    const sellers = events
      .filter(({ kind, state }) => kind === 'person' && STATES.has(state))
      .map(({ id, name, city, state }) => ({ id, name, city, state }));
    return events
      .filter(({ kind, category }) => kind === 'auction' && category === 10)
      .map(({ id, seller }) => ({ id, seller }))
      .keyBy(({ seller }) => seller)
      .join(
        sellers.keyBy(({ id }) => id),
        { select: ({ id }, { name, city, state }) => ({ name, city, state, id }) },
      )
      .uid('sellers');
  },
  sql: `
    SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
    WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')`,
};
