/** Failures that a supervisor words itself, because the child told none. */

import type { Failure } from '../base/failure.js';
import type { Child } from './child-list.js';
import type { Shutdown } from './child-spec.js';
import type { EndReason } from './supervisor-protocol.js';

const ended = {
  kind: 'internal',
  name: 'Error',
  code: 'ERR_HOLDFAST_CHILD_ENDED',
} satisfies Partial<Failure>;

export function unexplainedEnd(child: string): Failure {
  return { ...ended, message: `'${child}' ended without an explanation` };
}

/** A permanent child is never done. */
export function unwantedEnd(child: string, reason: 'normal' | 'shutdown'): Failure {
  const how = reason === 'normal' ? 'ended normally' : 'shut itself down';
  return { ...ended, message: `'${child}' ${how}, and it is permanent` };
}

function killedTooSlow(child: string, shutdown: Shutdown, cause: Failure | undefined): Failure {
  const message = `'${child}' did not end within the ${String(shutdown)} ms of its shutdown, and was killed`;
  return { kind: 'unresponsive', name: 'Error', message, cause };
}

export function notStarted(child: string): Failure {
  const message = `'${child}' was stopped before it had started`;
  return { kind: 'internal', name: 'Error', code: 'ERR_HOLDFAST_NOT_RUNNING', message };
}

/**
 * The failure to be told of the end of a child that was being stopped; OTP's `shutdown_error`. A kill that was
 * ordered explains an end only when the end says that the kill caused it.
 */
export function stopFailure(
  { spec, killed }: Child,
  reason: EndReason,
  failure: Failure | undefined,
): Failure | undefined {
  if (killed === 'too-slow') return killedTooSlow(spec.id, spec.shutdown, failure);
  if (reason === 'abnormal') return failure ?? unexplainedEnd(spec.id);
  // The child ended by itself, and not because it was asked to.
  if (reason === 'normal' && spec.restart === 'permanent') return unwantedEnd(spec.id, reason);
  return undefined;
}
