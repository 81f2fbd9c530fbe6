/** q8: persons who opened an auction in the same 10 s in which they came. */

import { last, seconds, sum, tumbling } from 'holdfast';

export const q8 = {
  build: (events) =>
    events
      .filter(({ kind }) => kind !== 'bid')
      .map((event) =>
        event.kind === 'person'
          ? { person: event.id, name: event.name }
          : { person: event.seller, name: null },
      )
      .keyBy(({ person }) => person)
      .window(tumbling(seconds(10)))
      .aggregate({
        name: last(({ name }) => name),
        auctions: sum(({ name }) => (name === null ? 1 : 0)),
      })
      .uid('arrivals')
      .filter(({ name, auctions }) => name !== null && auctions > 0)
      .map(({ key, name, windowStart }) => ({ id: key, name, windowStart })),
  sql: `
    SELECT DISTINCT p.id, p.name, p.dateTime // 10000 * 10000 AS windowStart
    FROM person p JOIN auction a ON a.seller = p.id AND a.dateTime // 10000 = p.dateTime // 10000`,
};
