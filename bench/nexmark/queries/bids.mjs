/** The bids among Nexmark's events, which most queries begin with. */
export const bidsOf = (events) => events.filter((event) => event.kind === 'bid');
