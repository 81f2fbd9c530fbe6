/**
 * The records of the channel benchmark: seven fields, four numbers and three strings of 8–50
 * Latin-1 characters, and the arithmetic by which a reader proves that it touched every field.
 */

export const BATCH_RECORDS = 1_000;

/** A repeatable batch of records. */
export function makeRecords() {
  let state = 123_456_789;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const text = (min, max) => {
    const length = min + Math.floor(next() * (max - min + 1));
    const codes = Array.from({ length }, () => 97 + Math.floor(next() * 26));
    return Buffer.from(codes).toString('latin1');
  };
  return Array.from({ length: BATCH_RECORDS }, (_, i) => ({
    id: i,
    time: 979_999_980_000 + i * 60_000,
    delay: Math.round(next() * 2_000 - 500) / 10,
    distance: Math.floor(next() * 3_000),
    origin: text(8, 20),
    destination: text(8, 30),
    carrier: text(20, 50),
  }));
}

/** A sum over all fields, exact in doubles. */
export function touch(record) {
  return (
    record.id +
    record.distance +
    record.time / 60_000 +
    Math.round(record.delay * 10) +
    record.origin.length +
    record.destination.charCodeAt(0) +
    record.carrier.charCodeAt(record.carrier.length - 1)
  );
}
