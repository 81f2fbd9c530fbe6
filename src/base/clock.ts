/** The clocks that operators look at. Whoever drives them by hand, a test say, puts others in their place. */
export interface Clock {
  /** What the clock on the wall shows, in ms since the epoch. It may be set back. */
  now(): number;
  /** Only goes on, in ms since some moment. */
  elapsed(): number;
}

export const machineClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
};
