/** A host of streams in the calling thread, where the driver is as well. */

import { Host } from '../host/host.js';
import type { JobDefinition } from '../stream/api/job-definition.js';
import type { ControlBlock } from '../threads/control-block.js';
import type { StreamEvent, Streams } from './streams/stream-types.js';
import { StreamWorkload } from './streams/stream-workload.js';

export function inlineHost(
  definition: JobDefinition,
  block: ControlBlock,
  emit: (event: StreamEvent) => void,
): Host<Streams> {
  return new Host<Streams>({
    workload: new StreamWorkload(definition, block),
    block,
    // The event loop that would have to be woken is the one that runs the driver.
    sleeper: { arm: () => {}, cancel: () => {}, onWake: () => {} },
    emit,
  });
}
