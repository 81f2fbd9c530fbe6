/** Reads a bounded source to its end, outside of any task: the table of a look-up. */

import { HoldfastError, isHoldfastError } from '../../base/errors.js';
import { messageOf } from '../../base/realm.js';
import type { OperatorContext } from '../operator.js';
import type { Source, SourceContext } from '../source.js';
import { checkBatch, checkReader, checkSplits } from '../task/source-checks.js';

/**
 * Gives every record of the source to `take`, split by split.
 * @param isWanted false: stop, since nobody waits any more
 * @throws HoldfastError ERR_HOLDFAST_SOURCE for a source that is none, or has no end; what `take` throws, with the row's
 *   place; and whatever the source throws
 */
export async function readTable(
  source: Source<unknown>,
  { operator, instance, alive }: OperatorContext,
  take: (record: unknown) => void,
  isWanted: () => boolean,
): Promise<void> {
  // It is read from its start each time, so it is of no run, and in no checkpoint.
  const context: SourceContext = {
    run: operator,
    epoch: 0,
    incarnation: instance,
    checkpoints: undefined,
    operator,
    instance,
    alive,
  };
  for (const split of checkSplits(operator, await source.splits())) {
    if ((split.bounded ?? source.bounded) !== true) throw endless(operator, split.id);
    const reader = checkReader(operator, await source.open(split, undefined, context));
    try {
      for (;;) {
        const batch = checkBatch(operator, await reader.poll());
        if (batch === undefined || !isWanted()) break;
        for (let i = 0; i < batch.records.length; i += 1) {
          try {
            take(batch.records[i]);
          } catch (error) {
            throw badRow(operator, reader.describe(i), error);
          }
        }
        alive();
      }
    } finally {
      await reader.close();
    }
    if (!isWanted()) return;
  }
}

/** Errors of the user's own code are ERR_HOLDFAST_USER_CODE, others keep their code. */
function badRow(operator: string, row: string, error: unknown): HoldfastError {
  const code = isHoldfastError(error) ? error.code : 'ERR_HOLDFAST_USER_CODE';
  return new HoldfastError(
    code,
    `lookup ('${operator}') cannot take the row at ${row} into its table: ${messageOf(error)}`,
    { cause: error, details: { operator, row } },
  );
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
