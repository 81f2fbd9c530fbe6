/** What goes into a supervisor, and what comes out. */

import type { Failure } from '../base/failure.js';
import type { ChildSpec, RestartType } from './child-spec.js';

/**
 * `normal`: by itself, because its work is done. `shutdown`: because it was told to end. `killed`: by the kill that
 * was ordered. `abnormal`: by a failure, also one that came just before it would have been killed.
 */
export type EndReason = 'normal' | 'shutdown' | 'killed' | 'abnormal';

/** Names a request, so that its one reply finds the way back. */
export type RequestToken = string | number;

/**
 * What has become of a child. `incarnation` echoes the command's: what a former incarnation
 * still says is dropped. An event without it counts for the present incarnation; only a `shutdown` that no order
 * asked for counts as a late answer.
 */
export type ChildEvent =
  | { readonly kind: 'child-started'; readonly child: string; readonly incarnation?: number }
  /** The child has nothing to do here: it is kept without a process, or forgotten when temporary or dynamic. */
  | { readonly kind: 'start-ignored'; readonly child: string; readonly incarnation?: number }
  /** The child ended abnormally before it had started. */
  | {
      readonly kind: 'start-failed';
      readonly child: string;
      readonly failure?: Failure | undefined;
      readonly incarnation?: number;
    }
  | {
      readonly kind: 'child-ended';
      readonly child: string;
      readonly reason: EndReason;
      /** The failure of an abnormal end; for a kill, what else is known. */
      readonly failure?: Failure | undefined;
      readonly incarnation?: number;
    };

/**
 * Each request is answered by exactly one `reply`, at once or later, also when the supervisor is over. A job knows
 * its children from its start, so no job makes these requests: they are for actors, whose children
 * come and go.
 */
export type AdministrationEvent =
  /** Adds a child at the end and starts it; it is not kept when it cannot start. */
  | { readonly kind: 'start-child'; readonly token: RequestToken; readonly spec: ChildSpec }
  /** The same for a `simple-one-for-one`: adds one more child of the template. */
  | { readonly kind: 'start-child'; readonly token: RequestToken; readonly id: string }
  /** Stops a child, or calls its restart off. It stays known unless it is temporary or dynamic. */
  | { readonly kind: 'terminate-child'; readonly token: RequestToken; readonly child: string }
  /** Starts a child that is down. */
  | { readonly kind: 'restart-child'; readonly token: RequestToken; readonly child: string }
  /** Forgets a child that is down. */
  | { readonly kind: 'delete-child'; readonly token: RequestToken; readonly child: string };

export type SupervisorEvent =
  | { readonly kind: 'start' }
  | ChildEvent
  | AdministrationEvent
  /** Something was achieved (a checkpoint completed): attempts and delay begin anew. */
  | { readonly kind: 'progress' }
  | { readonly kind: 'tick' }
  | { readonly kind: 'stop' }
  /** Like `stop`, but brutal: all children are killed at once, and none is asked. */
  | { readonly kind: 'kill' };

/** Why a request was refused, in OTP's words. */
export type Refusal =
  | 'bad-child-spec'
  | 'already-started'
  | 'already-present'
  | 'not-found'
  | 'running'
  | 'restarting'
  /** OTP would let the request wait; here the caller has to wait, and ask again. */
  | 'stopping'
  | 'simple-one-for-one'
  | 'start-failed'
  /** The supervisor has not started, is stopping, or is over. */
  | 'not-running';

export type AdministrationResult =
  | { readonly kind: 'started' | 'ignored' | 'terminated' | 'deleted'; readonly child: string }
  | {
      readonly kind: 'refused';
      readonly reason: Refusal;
      /** What was wrong, and what to do. */
      readonly message: string;
      /** Of `start-failed`. */
      readonly failure?: Failure | undefined;
    };

/** On which occasion something was worth telling: OTP's reports. */
export type ReportContext =
  /** A child could not start. */
  | 'start-error'
  /** A child has ended that should not have. */
  | 'child-terminated'
  /** A child that was being stopped failed, or had to be killed. */
  | 'shutdown-error';

export type SupervisorCommand =
  /** `attempt`: 0 unless the command is part of a restart. */
  | {
      readonly kind: 'start-child';
      readonly child: string;
      readonly attempt: number;
      readonly incarnation: number;
    }
  /** Ask it to end. */
  | { readonly kind: 'stop-child'; readonly child: string; readonly incarnation: number }
  /** End it: a brutal kill, or the time for its shutdown is over. Its end must still be told. */
  | { readonly kind: 'kill-child'; readonly child: string; readonly incarnation: number }
  /** Told at the failure. The starts follow after the delay. */
  | {
      readonly kind: 'restarting';
      readonly children: readonly string[];
      readonly attempt: number;
      readonly delayMs: number;
      readonly failure: Failure;
    }
  | {
      readonly kind: 'report';
      readonly child: string;
      readonly failure: Failure;
      readonly context: ReportContext;
    }
  | { readonly kind: 'reply'; readonly token: RequestToken; readonly result: AdministrationResult }
  /** `attempts`: how many restarts were made before this failure. */
  | { readonly kind: 'escalate'; readonly failure: Failure; readonly attempts: number }
  | { readonly kind: 'stopped'; readonly reason: 'shutdown' | 'auto-shutdown' };

/** `active`: children with a process that has started. */
export interface ChildCounts {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

export interface ChildInfo {
  readonly id: string;
  readonly state: 'down' | 'starting' | 'running' | 'restarting' | 'stopping';
  readonly type: 'worker' | 'supervisor';
  readonly restart: RestartType;
}
