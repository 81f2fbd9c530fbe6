/** Reads a bounded source to its end, outside of any task: the table of a look-up. */

import { HoldfastError } from '../../base/errors.js';
import type { OperatorContext } from '../operator.js';
import type { Source, SourceContext } from '../source.js';
import { checkBatch, checkReader, checkSplits } from '../task/source-checks.js';

/**
 * Gives every record of the source to `take`, split by split.
 * @param isWanted false: stop, since nobody waits any more
 * @throws HoldfastError ERR_HOLDFAST_SOURCE for a source that is none, or has no end; and whatever the source throws
 */
export async function readTable(
  source: Source<unknown>,
  { operator, instance, alive }: OperatorContext,
  take: (record: unknown) => void,
  isWanted: () => boolean,
): Promise<void> {
  // It is read from its start each time, so it is of no run, and in no checkpoint.
  const life = { run: operator, epoch: 0, incarnation: instance, checkpoints: undefined };
  const context: SourceContext = { ...life, operator, instance, alive };
  for (const split of checkSplits(operator, await source.splits())) {
    if ((split.bounded ?? source.bounded) !== true) throw endless(operator, split.id);
    const reader = checkReader(operator, await source.open(split, undefined, context));
    try {
      for (;;) {
        const batch = checkBatch(operator, await reader.poll());
        if (batch === undefined || !isWanted()) break;
        for (const record of batch.records) take(record);
        alive();
      }
    } finally {
      await reader.close();
    }
    if (!isWanted()) return;
  }
}

function endless(operator: string, split: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `lookup ('${operator}') reads its table to the end before the first record, and the split '${split}' of it may go ` +
      'on for ever. Give it a bounded source, or read a table that changes as a stream, with joinLatest(…) or ' +
      'broadcast state.',
    { details: { operator, split } },
  );
}
