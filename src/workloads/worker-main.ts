/** Where a worker's bundle starts: connects what it has loaded with a host of its workload. */

import { toFailure } from '../base/failure.js';
import { Host } from '../host/host.js';
import type { HostControl, HostEvent } from '../host/host-protocol.js';
import type { Workload, WorkloadTypes } from '../host/workload.js';
import {
  isJobDefinition,
  type JobDefinition,
  requireJobDefinition,
} from '../stream/api/job-definition.js';
import type { ControlBlock } from '../threads/control-block.js';
import { Sleeper } from '../threads/doorbell.js';
import { connectWorker } from '../threads/worker-port.js';
import type { Actors } from './actors/actor-types.js';
import { ActorWorkload } from './actors/actor-workload.js';
import type { Streams } from './streams/stream-types.js';
import { StreamWorkload } from './streams/stream-workload.js';

/** @param loaded the namespace of a job's module, or those of all modules of actors */
export function startHost(loaded: { readonly default?: unknown } | readonly object[]): void {
  if (Array.isArray(loaded)) host<Actors>('actors', (block) => new ActorWorkload(loaded, block));
  else {
    const definition = () => definitionOf(loaded as { readonly default?: unknown });
    host<Streams>('streams', (block) => new StreamWorkload(definition(), block));
  }
}

function host<W extends WorkloadTypes>(
  name: string,
  makeWorkload: (block: ControlBlock) => Workload<W>,
): void {
  const port = connectWorker<HostControl<W>>();
  const emit = (event: HostEvent<W>, transfer?: readonly ArrayBuffer[]) =>
    port.emit(event, transfer);
  const { block } = port;
  let workload: Workload<W>;
  try {
    workload = makeWorkload(block);
  } catch (error) {
    emit({ kind: 'load-failed', failure: toFailure(error, 'build') });
    return;
  }
  const sleeper = new Sleeper(block);
  port.expose(new Host<W>({ workload, block, sleeper, emit, close: () => port.close() }));
  emit({ kind: 'ready', name }, [detachedEarly()]);
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
