/** Where a worker's bundle starts: connects the job module with its host. */

import { toFailure } from '../base/failure.js';
import {
  isJobDefinition,
  type JobDefinition,
  requireJobDefinition,
} from '../stream/api/job-definition.js';
import { Sleeper } from '../threads/doorbell.js';
import { connectWorker } from '../threads/worker-port.js';
import { Host } from './host.js';
import type { HostControl, HostEvent } from './host-protocol.js';

/** @param module the namespace of the job module */
export function startHost(module: { readonly default?: unknown }): void {
  const port = connectWorker<HostControl>();
  const emit = (event: HostEvent, transfer?: readonly ArrayBuffer[]) => port.emit(event, transfer);
  let definition: JobDefinition;
  try {
    definition = definitionOf(module);
  } catch (error) {
    emit({ kind: 'load-failed', failure: toFailure(error, 'build') });
    return;
  }
  port.expose(
    new Host({
      definition,
      block: port.block,
      sleeper: new Sleeper(port.block),
      emit,
      close: () => port.close(),
    }),
  );
  emit({ kind: 'ready', job: definition.name }, [detachedEarly()]);
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
