/**
 * The steps of the protocol that a crash may fall between. The diagnostics channel `holdfast:protocol`
 * (`node:diagnostics_channel`) tells when a step begins and ends, in the thread that takes it. Without a subscriber in
 * that thread a step costs a look at a flag.
 *
 * A subscriber runs within the step, before anything else happens. So it can end the process
 * exactly there, as the kill matrix does (docs/kill-points.md).
 */

import { channel } from 'node:diagnostics_channel';
import { types } from 'node:util';

export const PROTOCOL_POINTS = [
  // The checkpoint directory, file by file.
  'lock:take',
  'lock:release',
  'epoch:sync',
  'epoch:rename',
  'root:sync',
  'part:create',
  'part:write',
  'part:sync',
  'part:rename',
  'parts:sync',
  'part:read',
  'part:remove',
  'manifest:create',
  'manifest:write',
  'manifest:sync',
  'manifest:rename',
  'manifests:sync',
  'manifest:read',
  'manifest:remove',
  'latest:rename',
  'finished:sync',
  'finished:rename',
  // Files of the rename sink.
  'output:marker',
  'output:stage',
  'output:seal',
  'output:staged',
  'output:staging-sync',
  'output:record',
  'output:publish',
  'output:sync',
  'output:sweep',
  // A checkpoint, in the main thread.
  'checkpoint:trigger',
  'checkpoint:acknowledged',
  'checkpoint:commit',
  'checkpoint:announce',
  'checkpoint:prune',
  'savepoint:copy',
  // A task's part in it, in a worker.
  'source:position',
  'barrier:send',
  'barrier:overtake',
  'task:cut',
  'task:capture',
  'task:acknowledge',
  'sink:prepare',
  'channel:record',
  // From a checkpoint to running tasks.
  'recovery:plan',
  'recovery:read',
  'recovery:sinks',
  'recovery:deploy',
  'recovery:start',
  'operator:open',
] as const;

export type ProtocolPoint = (typeof PROTOCOL_POINTS)[number];

/** The messages of `holdfast:protocol`. `after` comes only when the step has succeeded. */
export interface ProtocolMessage {
  readonly point: ProtocolPoint;
  readonly when: 'before' | 'after';
}

const protocol = channel('holdfast:protocol');

/** Takes a step, and tells when it begins and ends. */
export function atPoint<T>(point: ProtocolPoint, act: () => T): T {
  if (!protocol.hasSubscribers) return act();
  tell(point, 'before');
  const result = act();
  if (!types.isPromise(result)) {
    tell(point, 'after');
    return result;
  }
  return result.then((value: unknown) => {
    tell(point, 'after');
    return value;
  }) as T;
}

function tell(point: ProtocolPoint, when: ProtocolMessage['when']): void {
  protocol.publish({ point, when } satisfies ProtocolMessage);
}
