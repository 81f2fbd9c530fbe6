import { burn } from './burn.mjs';

/** @param {{ records: { id: number, seed: number }[], rounds: number }} task */
export default function burnBatch({ records, rounds }) {
  return records.map((record) => ({ id: record.id, digest: burn(record.seed, rounds) }));
}
