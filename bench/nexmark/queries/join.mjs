/** A join of many records with the one record of their key, as q20 has it. */

import { list, value } from 'holdfast';

/**
 * Gives a row for each pair, as soon as both are there, whichever of them comes first. Both are kept for good; of a
 * record that `isWanted` refuses nothing is kept but that it has come.
 *
 * @param keyed a stream in which each key has one record for which `isOne` holds
 * @param {{ isOne(record): boolean, isWanted(one): boolean, row(record, one): object }} join
 */
export function joinWithOne(keyed, { isOne, isWanted, row }) {
  return keyed.process({
    state: { one: value(), early: list() },
    onElement(record, { state }, out) {
      if (isOne(record)) {
        const isKept = isWanted(record);
        state.one.set(isKept ? record : null);
        if (isKept) for (const early of state.early.values()) out.emit(row(early, record));
        state.early.clear();
        return;
      }
      const one = state.one.get();
      if (one === undefined) state.early.add(record);
      else if (one !== null) out.emit(row(record, one));
    },
  });
}
