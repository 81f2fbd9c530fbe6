/** What the matrix's job reads, as pure functions of an index: for the job, and for who checks it. */

export const SPLITS = 2;
export const KEYS = 12;
export const WINDOW_MS = 1_000;

/** Record i of the counted source; its key's records all come from one split. */
export function record(i) {
  const split = i % SPLITS;
  const mixed = Math.imul(i, 0x9e3779b1) >>> 0;
  return {
    id: i,
    key: `${split}-${mixed % KEYS}`,
    time: 1_700_000_000_000 + Math.floor(i / SPLITS),
  };
}

export const plain = (i) => ({ id: i, text: `line ${i}` });

/** Computes for so long, and gives `value`. */
export function slow(value, microseconds) {
  if (microseconds > 0) {
    const until = performance.now() + microseconds / 1_000;
    while (performance.now() < until);
  }
  return value;
}
