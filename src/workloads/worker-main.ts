/** Where a worker's bundle starts: connects the job module with its host. */

import { toFailure } from '../base/failure.js';
import { Host } from '../host/host.js';
import type { HostControl, HostEvent } from '../host/host-protocol.js';
import {
  isJobDefinition,
  type JobDefinition,
  requireJobDefinition,
} from '../stream/api/job-definition.js';
import { Sleeper } from '../threads/doorbell.js';
import { connectWorker } from '../threads/worker-port.js';
import type { Streams } from './streams/stream-types.js';
import { StreamWorkload } from './streams/stream-workload.js';

/** @param module the namespace of the user's module; what it exports by default decides on the workload */
export function startHost(module: { readonly default?: unknown }): void {
  const port = connectWorker<HostControl<Streams>>();
  const emit = (event: HostEvent<Streams>, transfer?: readonly ArrayBuffer[]) =>
    port.emit(event, transfer);
  let definition: JobDefinition;
  try {
    definition = definitionOf(module);
  } catch (error) {
    emit({ kind: 'load-failed', failure: toFailure(error, 'build') });
    return;
  }
  const { block } = port;
  port.expose(
    new Host<Streams>({
      workload: new StreamWorkload(definition, block),
      block,
      sleeper: new Sleeper(block),
      emit,
      close: () => port.close(),
    }),
  );
  emit({ kind: 'ready', name: definition.name }, [detachedEarly()]);
}

/**
 * V8 compiles code that uses typed arrays for a thread that has never sent a buffer away, and gives all of it up at
 * the first buffer that is: with the first checkpoint, when everything has just been compiled. So a buffer goes
 * with the first message.
 */
function detachedEarly(): ArrayBuffer {
  return new ArrayBuffer(0);
}

function definitionOf(module: { readonly default?: unknown }): JobDefinition {
  // A CommonJS job module may arrive with its namespace as the default.
  const found = module.default as { readonly default?: unknown } | undefined;
  return requireJobDefinition(isJobDefinition(found?.default) ? found.default : found);
}
