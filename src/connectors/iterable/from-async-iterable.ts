/** A source over an iterable: anything that JavaScript can loop over, also where it cannot be read twice. */

import { join } from 'node:path';
import { HoldfastError } from '../../base/errors.js';
import { checkFlag, checkNumber, checkObject } from '../../base/option-checks.js';
import type { Source, SourceContext } from '../../stream/source.js';
import { checkFunction, checkPath, checkText } from '../options.js';
import { badPosition } from '../split-check.js';
import { IterableReader, type MakeIterable } from './iterable-reader.js';
import { Journal } from './journal.js';

export interface AsyncIterableOptions {
  /** Stands in messages, and names the split in checkpoints, so it must stay the same. Default `iterable`. */
  readonly name?: string | undefined;
  /** The iterable comes to an end. Default false. */
  readonly bounded?: boolean | undefined;
  readonly journal?:
    | {
        /** A folder that outlives the process, for `journal/…` in it. Default: the checkpoint directory. */
        readonly directory?: string | URL | undefined;
        /** Most bytes of the journal. Beyond, nothing is read until a checkpoint completes. Default 256 MiB. */
        readonly maxBytes?: number | undefined;
        /**
         * fsync before a record is emitted, so that it survives a crash of the machine. Default false: the
         * record survives the end of the process only.
         */
        readonly sync?: boolean | undefined;
      }
    | undefined;
}

const MAX_BYTES = 256 * 1024 * 1024;

/**
 * A source of what `make(from)` iterates over. `from` is the number of records that were read before: 0 at first.
 *
 * With checkpoints, records go to a journal before they are emitted. After a death the records since the
 * restored checkpoint come from the journal, and `make` is called with the number behind its last one. One
 * instance reads. A function without a parameter would begin anew, so with checkpoints it is refused. So is a
 * function whose parameter has a default value, because JavaScript shows no difference between the two.
 *
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function fromAsyncIterable<T>(
  make: MakeIterable<T>,
  options: AsyncIterableOptions = {},
): Source<T> {
  checkFunction('fromAsyncIterable(make)', make);
  const given = checkObject('fromAsyncIterable', options, ['name', 'bounded', 'journal']);
  const name =
    given.name === undefined ? 'iterable' : checkText('fromAsyncIterable.name', given.name);
  const journal = checkObject('fromAsyncIterable.journal', given.journal ?? {}, [
    'directory',
    'maxBytes',
    'sync',
  ]);
  const bounded = checkFlag('fromAsyncIterable.bounded', given.bounded, false);
  const sync = checkFlag('fromAsyncIterable.journal.sync', journal.sync, false);
  const directory =
    journal.directory === undefined
      ? undefined
      : checkPath('fromAsyncIterable.journal.directory', journal.directory).absolute;
  const maxBytes = checkNumber('fromAsyncIterable.journal.maxBytes', journal.maxBytes, MAX_BYTES, {
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    unit: 'bytes',
  });
  const kind = 'fromAsyncIterable';
  return {
    kind,
    timed: false,
    splits: async () => [{ id: name, bounded }],
    async open({ id }, position, context) {
      const from = position ?? 0;
      if (typeof from !== 'number' || !Number.isSafeInteger(from) || from < 0) {
        throw badPosition(kind, id, position);
      }
      const { operator, checkpoints } = context;
      if (checkpoints !== undefined && make.length === 0) throw beginsAnew(operator);
      const opened =
        checkpoints === undefined ? undefined : await openJournal(context, directory, id, sync);
      if (opened !== undefined) {
        if (from < opened.first) throw wasCut(operator, from, opened.first);
        // The machine has lost the journal's end. The checkpoint covers those records: they are not needed.
        if (from > opened.end) await opened.skipTo(from);
      }
      return new IterableReader({
        name,
        operator,
        make,
        from,
        journal: opened,
        maxBytes,
        retain: checkpoints?.retain ?? 1,
      });
    },
  };
}

async function openJournal(
  { operator, run, epoch, incarnation, checkpoints }: SourceContext,
  chosen: string | undefined,
  split: string,
  sync: boolean,
): Promise<Journal> {
  const below = chosen ?? checkpoints?.directory;
  if (below === undefined) {
    throw new HoldfastError(
      'ERR_HOLDFAST_BAD_OPTION',
      `source '${operator}' needs a folder for its journal, because checkpoints go to a store that is no ` +
        "directory: fromAsyncIterable(…, { journal: { directory: './journal' } }).",
      { details: { operator } },
    );
  }
  const directory = join(below, 'journal', run, encodeURIComponent(`${operator}.${split}`));
  return await Journal.open({ directory, source: operator, epoch, incarnation, sync });
}

function beginsAnew(operator: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `source '${operator}' cannot be read again: its function takes no parameter, so after a failure it would ` +
      'begin anew, and its first records would be counted twice. (One with a default value, as in ' +
      '(from = 0) => …, does not count: a number is always given.) Give fromAsyncIterable a function of ' +
      'how many records were read before, (from) => iterable, that goes on behind them; or run without ' +
      'checkpoints.',
    { details: { operator } },
  );
}

function wasCut(operator: string, from: number, first: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_SOURCE',
    `source '${operator}' is to go on at record ${from}, but its journal begins at ${first}: it is kept for ` +
      'the retained checkpoints only (checkpoint.retain), and this one, or this savepoint, is older. ' +
      "Restore a newer one, or start afresh (restore: 'none').",
    { details: { operator, record: from, first } },
  );
}
