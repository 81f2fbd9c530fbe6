/** `holdfast savepoint`: copies a checkpoint of a directory or a bucket to a place of its own. */

import { HoldfastError, isHoldfastError } from '../base/errors.js';
import { storeAt } from '../checkpoint/checkpoint-place.js';
import { openSavepointTarget } from '../checkpoint/savepoint.js';
import type { Manifest } from '../checkpoint/store.js';
import type { Console } from '../terminal/console.js';
import { formatBytes } from '../terminal/format.js';
import { jsonLine } from '../terminal/json-line.js';
import type { SavepointCommand } from './arguments.js';
import { EXIT_FINISHED } from './exit-codes.js';
import { useS3Flags } from './s3-flags.js';

/** A running job may prune a checkpoint while it is copied. Then the newest one at that time is tried. */
const TRIES = 5;

export async function savepointCommand(
  command: SavepointCommand,
  console: Console,
): Promise<number> {
  useS3Flags(command);
  const manifest = await copy(command);
  const { checkpoint, run, parts, job } = manifest;
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  if (command.output === 'json') {
    console.write(
      jsonLine({ event: 'savepoint', directory: command.to, checkpoint, job, run, bytes }),
    );
  } else {
    console.write(
      `checkpoint ${checkpoint} of ${job}, ${formatBytes(bytes)}, is saved in ${command.to}; ` +
        `start from it with --restore ${shownPath(command.to)} and an empty checkpoint directory`,
    );
  }
  return EXIT_FINISHED;
}

async function copy({ directory, to, checkpoint }: SavepointCommand): Promise<Manifest> {
  const store = await storeAt(directory);
  try {
    for (let tries = 1; ; tries += 1) {
      const wanted = checkpoint ?? (await store.list())[0];
      if (wanted === undefined) throw nothingThere(store.location);
      const manifest = await store.readManifest(wanted);
      const target = await openSavepointTarget(to);
      try {
        await target.write(store, manifest);
        return manifest;
      } catch (error) {
        const isGone = !(await store.list()).includes(wanted);
        const isRaced = isGone && checkpoint === undefined && tries < TRIES;
        if (!isRaced || !isHoldfastError(error)) throw error;
      } finally {
        await target.close();
      }
    }
  } finally {
    await store.close();
  }
}

/** The path with a separator in it, by which `--restore` knows a path. */
function shownPath(path: string): string {
  return /[/\\]/.test(path) ? path : `./${path}`;
}

function nothingThere(directory: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_NOT_FOUND',
    `there is no checkpoint in '${directory}'.`,
    { details: { directory } },
  );
}
