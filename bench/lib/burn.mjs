/**
 * About 20 µs of real computation: an iterated integer hash, whose result is used.
 * @param {number} seed
 * @param {number} rounds
 */
export function burn(seed, rounds) {
  let h = seed | 0;
  for (let i = 0; i < rounds; i += 1) {
    h ^= h >>> 16;
    h = Math.imul(h, 0x85ebca6b);
    h ^= h >>> 13;
    h = Math.imul(h, 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
}

/** Rounds that take about `microseconds` on this machine, measured once per process. */
export function calibrate(microseconds) {
  const trial = 200_000;
  let best = Infinity;
  for (let i = 0; i < 7; i += 1) {
    const from = performance.now();
    burn(i, trial);
    best = Math.min(best, performance.now() - from);
  }
  return Math.max(1, Math.round((microseconds / 1_000 / best) * trial));
}
