/** q8: persons who opened an auction in the same 10 s in which they came. */

import { aggregation, count, seconds, sum, tumbling } from 'holdfast';

const arrival = aggregation({
  initial: () => ({ name: '' }),
  add(state, event) {
    if (event.kind === 'person') state.name = event.name;
  },
  result: ({ name }) => name,
});

export const q8 = {
  build: (events) =>
    events
      .filter((event) => event.kind !== 'bid')
      .keyBy((event) => (event.kind === 'person' ? event.id : event.seller))
      .window(tumbling(seconds(10)))
      .aggregate({
        name: arrival,
        all: count(),
        persons: sum((event) => (event.kind === 'person' ? 1 : 0)),
      })
      .uid('arrivals')
      .filter(({ all, persons }) => persons > 0 && all > persons)
      .map(({ key, name, windowStart }) => ({ id: key, name, windowStart })),
  sql: `
    SELECT DISTINCT p.id, p.name, p.dateTime // 10000 * 10000 AS windowStart
    FROM person p JOIN auction a ON a.seller = p.id AND a.dateTime // 10000 = p.dateTime // 10000`,
};
