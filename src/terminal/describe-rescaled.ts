/** What a rescale has moved, a line for each operator, for plain and live output. */

import type { RescaledEvent } from '../job/job-types.js';

export function describeRescaled({ operators }: RescaledEvent): readonly string[] {
  return operators.map(
    ({ operator, before, after, keyGroups, moved, leastPossible, byRanges }) =>
      `rescaled ${operator} ${before} → ${after}: ${moved} of ${keyGroups} key groups moved ` +
      `(least possible ${leastPossible}, by ranges ${byRanges})`,
  );
}
