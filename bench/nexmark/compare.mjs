/** Compares two tables as multisets. Neither has to be in memory as rows. */

const TOLERANCE = 1e-9;
/** So many digits of a fraction count where rows are paired by their texts: less than the tolerance apart if equal. */
const PAIRED_DIGITS = 10;
const SHOWN = 3;

/** The right rows, by their texts: how often each is in the table, and was met in the comparison that goes on. */
export class ExpectedRows {
  size = 0;
  #counts = new Map();

  /** @param {Iterable<object>} rows */
  add(rows) {
    for (const row of rows) {
      const text = pairingText(row);
      const counts = this.#counts.get(text);
      if (counts === undefined) this.#counts.set(text, { rows: 1, met: 0 });
      else counts.rows += 1;
      this.size += 1;
    }
    return this;
  }

  /** @returns whether such a row has been missing so far */
  meet(row) {
    const counts = this.#counts.get(pairingText(row));
    if (counts === undefined || counts.met === counts.rows) return false;
    counts.met += 1;
    return true;
  }

  /** The rows that were not met. The next comparison begins anew. */
  takeMissing() {
    const missing = [];
    for (const [text, counts] of this.#counts) {
      for (let i = counts.met; i < counts.rows; i += 1) missing.push(JSON.parse(text));
      counts.met = 0;
    }
    return missing;
  }
}

/**
 * Rows are paired by their text, with fractions rounded; what is left over then, because of two fractions next to where
 * rounding changes, in sorted order, field by field: numbers to a relative 1e-9, all else exactly.
 *
 * @param {Iterable<object>} actual
 * @param {ExpectedRows} expected
 * @returns what differs, with the first differing rows of both sides, or undefined
 */
export function difference(actual, expected) {
  const unpaired = [];
  let count = 0;
  for (const row of actual) {
    if (!expected.meet(row)) unpaired.push(row);
    count += 1;
  }
  const { surplus, missing } = withoutNearPairs(unpaired, expected.takeMissing());
  if (surplus.length === 0 && missing.length === 0) return undefined;
  return (
    `${count} rows instead of ${expected.size}; ` +
    `${surplus.length} that should not be there:${shown(surplus)}\n` +
    `  ${missing.length} that are missing:${shown(missing)}`
  );
}

function pairingText(row) {
  const fields = names(row).map((name) => [name, rounded(row[name])]);
  return JSON.stringify(Object.fromEntries(fields));
}

const rounded = (value) =>
  typeof value !== 'number' || Number.isInteger(value)
    ? value
    : Number(value.toPrecision(PAIRED_DIGITS));

/** Rows are put in order with fractions rounded further, so that last digits do not change a row's place. */
function withoutNearPairs(actual, expected) {
  const ours = sorted(actual);
  const theirs = sorted(expected);
  const [surplus, missing] = [[], []];
  let [a, b] = [0, 0];
  while (a < ours.length || b < theirs.length) {
    const [left, right] = [ours[a], theirs[b]];
    if (left !== undefined && right !== undefined && isSame(left.row, right.row)) {
      a += 1;
      b += 1;
    } else if (right === undefined || (left !== undefined && left.key < right.key)) {
      surplus.push(left.row);
      a += 1;
    } else {
      missing.push(right.row);
      b += 1;
    }
  }
  return { surplus, missing };
}

/**
 * Of rows that replace one another the last ones, which have the greatest version of their key. Without a `version` that
 * is the column `revision`, which is no part of the answer.
 */
export function finalRows(rows, { key, version = ({ revision }) => revision }) {
  const last = new Map();
  for (const row of rows) {
    const former = last.get(key(row));
    if (former === undefined || version(row) > version(former)) last.set(key(row), row);
  }
  return [...last.values()].map(({ revision: _, ...row }) => row);
}

/** The rows that changes come to. All changes of a row are of one instance, and so in order; the order of others is none. */
export function appliedChanges(changes) {
  const rows = new Map();
  for (const { change, ...row } of changes) {
    const name = JSON.stringify(row);
    const count = (rows.get(name)?.count ?? 0) + (change.startsWith('+') ? 1 : -1);
    if (count === 0) rows.delete(name);
    else rows.set(name, { row, count });
  }
  return [...rows.values()].flatMap(({ row, count }) => {
    if (count < 0) throw new Error(`taken back, and never there: ${JSON.stringify(row)}`);
    return Array.from({ length: count }, () => row);
  });
}

function sorted(rows) {
  return rows
    .map((row) => ({ row, key: sortingKey(row) }))
    .sort((a, b) => (a.key < b.key ? -1 : Number(a.key > b.key)));
}

const names = (row) => Object.keys(row).sort();

/** Numbers with seven digits first. */
function sortingKey(row) {
  const values = names(row).map((name) => row[name]);
  const isFraction = (value) => typeof value === 'number' && !Number.isInteger(value);
  const exact = values.map((value) => (typeof value === 'number' ? value.toPrecision(7) : value));
  return JSON.stringify([exact, values.filter((value) => !isFraction(value))]);
}

function isSame(row, other) {
  const columns = names(row);
  return (
    columns.length === Object.keys(other).length &&
    columns.every((name) => name in other && isEqual(row[name], other[name]))
  );
}

function isEqual(value, other) {
  if (typeof value !== 'number' || typeof other !== 'number') return value === other;
  if (Number.isInteger(value) && Number.isInteger(other)) return value === other;
  return Math.abs(value - other) <= TOLERANCE * Math.max(1, Math.abs(value), Math.abs(other));
}

const shown = (rows) =>
  rows.length === 0
    ? ' none'
    : rows
        .slice(0, SHOWN)
        .map((row) => `\n    ${JSON.stringify(row)}`)
        .join('');
