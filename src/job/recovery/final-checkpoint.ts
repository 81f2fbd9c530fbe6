/** Is the last checkpoint of a run really its last? No task runs after it, so nobody else would see that it is not. */

import { HoldfastError } from '../../base/errors.js';
import type { CheckpointStore, Manifest } from '../../checkpoint/store.js';
import { earliestTime, TASK_SECTION } from '../../stream/state/time-section.js';

/**
 * A task whose input has ended, or was ended by `stop({ drain: true })`, stands at the end of time (task.ts, K5).
 * A checkpoint in which a task stands anywhere else is not the last: the rest of the input would be left out silently.
 *
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT
 */
export async function checkFinal(
  store: Pick<CheckpointStore, 'readPart'>,
  manifest: Manifest,
): Promise<void> {
  for (const part of manifest.parts) {
    if (!part.sections.some(({ name }) => name === TASK_SECTION)) continue;
    const { instance, vertex, file } = part;
    const sections = (await store.readPart(part)).map((section) => ({ ...section, instance }));
    if (earliestTime(TASK_SECTION, sections) === Number.POSITIVE_INFINITY) continue;
    const { checkpoint } = manifest;
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
      `checkpoint ${checkpoint} is damaged: it says that it is the last of its run, but by its part '${file}' ` +
        `instance ${instance} of '${vertex}' had not come to the end of its input. Nothing of it was used. Put the ` +
        'manifest back as it was, or choose another checkpoint with the restore option.',
      { details: { checkpoint, part: file, vertex, instance } },
    );
  }
}
