/** Divides 0…total into consecutive ranges of nearly equal length, as splits. */

export interface RangeSplit {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  /** Length of the whole source. When it differs on a restore, the source was changed. */
  readonly total: number;
  readonly [key: string]: unknown;
}

export function rangeSplits(kind: string, total: number, ranges: number): readonly RangeSplit[] {
  const count = Math.max(0, Math.min(ranges, total));
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((total / count) * i);
    const to = i === count - 1 ? total : Math.floor((total / count) * (i + 1));
    return { id: `${kind}[${from}…${to - 1}]`, from, to, total };
  });
}
