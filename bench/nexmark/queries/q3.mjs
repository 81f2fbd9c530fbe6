/** q3: the auctions of category 10 whose sellers live in three states, with the seller. */

import { joinWithOne } from './join.mjs';

const STATES = new Set(['OR', 'ID', 'CA']);

/** What the join has to keep of a person or an auction. */
const columns = (event) =>
  event.kind === 'person'
    ? { kind: 'person', id: event.id, name: event.name, city: event.city, state: event.state }
    : { kind: 'auction', id: event.id, seller: event.seller };

export const q3 = {
  build: (events) =>
    joinWithOne(
      events
        .filter(
          ({ kind, category }) => kind === 'person' || (kind === 'auction' && category === 10),
        )
        .map(columns)
        .keyBy(({ kind, id, seller }) => (kind === 'person' ? id : seller)),
      {
        isOne: ({ kind }) => kind === 'person',
        isWanted: ({ state }) => STATES.has(state),
        row: ({ id }, { name, city, state }) => ({ name, city, state, id }),
      },
    ).uid('sellers'),
  sql: `
    SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
    WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')`,
};
