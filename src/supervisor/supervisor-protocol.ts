/** What goes into a supervisor, and what comes out. */

import type { Failure } from '../base/failure.js';
import type { ChildSpec, RestartType } from './child-spec.js';

/**
 * `normal`: of itself, its work is done. `shutdown`: because it was told to. `killed`: by the kill that was
 * ordered. `abnormal`: a failure, also one that came just before it would have been killed.
 */
export type EndReason = 'normal' | 'shutdown' | 'killed' | 'abnormal';

/** Names a request, so that its one reply finds the way back. */
export type RequestToken = string | number;

/**
 * What has become of a child. `incarnation` is the command's, echoed: what a former incarnation
 * still says is dropped. Without one, a `shutdown` that no order asked for is taken for such a late
 * answer; anything else for the present incarnation's.
 */
export type ChildEvent =
  | { readonly kind: 'child-started'; readonly child: string; readonly incarnation?: number }
  /** It has nothing to do here: kept without a process, or forgotten when temporary or dynamic. */
  | { readonly kind: 'start-ignored'; readonly child: string; readonly incarnation?: number }
  /** An abnormal end before it had started. */
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
      /** Of an abnormal end; what else is known of a kill. */
      readonly failure?: Failure | undefined;
      readonly incarnation?: number;
    };

/**
 * Each is answered by exactly one `reply`, at once or later, also when the supervisor is over. A job's
 * children are known from its start, so no job asks any of these: they are for actors, whose children
 * come and go.
 */
export type AdministrationEvent =
  /** Adds a child at the end and starts it; it is not kept when it cannot start. */
  | { readonly kind: 'start-child'; readonly token: RequestToken; readonly spec: ChildSpec }
  /** The same for a `simple-one-for-one`: one more of the template. */
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
  /** As `stop`, but brutally: all children at once, none is asked. */
  | { readonly kind: 'kill' };

/** Why a request was refused, in OTP's words. */
export type Refusal =
  | 'bad-child-spec'
  | 'already-started'
  | 'already-present'
  | 'not-found'
  | 'running'
  | 'restarting'
  /** OTP would let the request wait; here the one who asks does. */
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

/** When something was worth telling: OTP's reports. */
export type ReportContext =
  /** A child could not start. */
  | 'start-error'
  /** A child ended that should not have. */
  | 'child-terminated'
  /** A child that was being stopped failed, or had to be killed. */
  | 'shutdown-error';

export type SupervisorCommand =
  /** `attempt`: 0 unless it is part of a restart. */
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
  /** Told at the failure; the starts follow after the delay. */
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
  /** `attempts`: restarts that were made before this failure. */
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
