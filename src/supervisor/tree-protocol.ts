/** What goes into a tree of supervisors, and what comes out. A path is `root/group/leaf`. */

import type { Failure } from '../base/failure.js';
import type { ChildSpec, RestartType, SupervisionStrategy, SupervisorSpec } from './child-spec.js';
import type {
  AdministrationResult,
  EndReason,
  ReportContext,
  RequestToken,
} from './supervisor-protocol.js';

/** A supervisor: the root, or an added child that has `children`. */
export interface TreeSpec extends Omit<SupervisorSpec, 'children'> {
  /** Without `/`. */
  readonly id: string;
  readonly children: readonly (ChildSpec | TreeChildSpec)[];
}

/** A supervisor that is a child of another one. */
export interface TreeChildSpec extends TreeSpec {
  /** Default `permanent`. */
  readonly restart?: ChildSpec['restart'];
  /** Default false. */
  readonly significant?: ChildSpec['significant'];
  /** Default `infinity`, because its children have times of their own. */
  readonly shutdown?: ChildSpec['shutdown'];
}

/** Events of leaves only, since the tree knows of its supervisors itself. An event of any other path is late. */
export type LeafEvent =
  | {
      readonly kind: 'child-started' | 'start-ignored';
      readonly path: string;
      readonly incarnation?: number;
    }
  | {
      readonly kind: 'start-failed';
      readonly path: string;
      readonly failure?: Failure | undefined;
      readonly incarnation?: number;
    }
  | {
      readonly kind: 'child-ended';
      readonly path: string;
      readonly reason: EndReason;
      readonly failure?: Failure | undefined;
      readonly incarnation?: number;
    };

export type TreeAdministrationEvent =
  /** @see SupervisorEvent; the path is the supervisor's. */
  | {
      readonly kind: 'start-child';
      readonly token: RequestToken;
      readonly path: string;
      readonly spec: ChildSpec | TreeChildSpec;
    }
  | {
      readonly kind: 'start-child';
      readonly token: RequestToken;
      readonly path: string;
      readonly id: string;
    }
  /** The path is the child's, which may be a supervisor. */
  | {
      readonly kind: 'terminate-child' | 'restart-child' | 'delete-child';
      readonly token: RequestToken;
      readonly path: string;
    };

export type TreeEvent =
  | { readonly kind: 'start' }
  | LeafEvent
  | TreeAdministrationEvent
  /** Something was achieved under that supervisor, or under all: back-offs begin anew. */
  | { readonly kind: 'progress'; readonly path?: string | undefined }
  /** A supervisor dies: what is under it is stopped, in order, and its parent sees an abnormal end. */
  | { readonly kind: 'kill'; readonly path: string; readonly failure?: Failure | undefined }
  /** The work of a supervisor is done: what is under it is stopped, in order, and its parent sees a normal end. */
  | { readonly kind: 'finish'; readonly path: string }
  | { readonly kind: 'tick' }
  | { readonly kind: 'stop' };

export type TreeCommand =
  | {
      readonly kind: 'start-child';
      readonly path: string;
      readonly attempt: number;
      readonly incarnation: number;
    }
  | {
      readonly kind: 'stop-child' | 'kill-child';
      readonly path: string;
      readonly incarnation: number;
    }
  /** `path` is the supervisor's, `children` are ids. */
  | {
      readonly kind: 'restarting';
      readonly path: string;
      readonly children: readonly string[];
      readonly attempt: number;
      readonly delayMs: number;
      readonly failure: Failure;
    }
  /** A supervisor below the root has given up. Its parent answers that like an abnormal end. */
  | {
      readonly kind: 'escalated';
      readonly path: string;
      readonly failure: Failure;
      readonly attempts: number;
    }
  | {
      readonly kind: 'report';
      readonly path: string;
      readonly failure: Failure;
      readonly context: ReportContext;
    }
  | { readonly kind: 'reply'; readonly token: RequestToken; readonly result: AdministrationResult }
  /** The root is over, and so is everything. */
  | { readonly kind: 'ended'; readonly reason: 'shutdown' | 'auto-shutdown' }
  | {
      readonly kind: 'ended';
      readonly reason: 'failed';
      readonly failure: Failure;
      readonly attempts: number;
    };

/** A part of the tree as people are shown it. */
export interface TreeNode {
  readonly id: string;
  readonly path: string;
  readonly kind: 'supervisor' | 'worker';
  readonly state: 'down' | 'starting' | 'running' | 'restarting' | 'stopping';
  /** Only of a supervisor. */
  readonly strategy?: SupervisionStrategy | undefined;
  /** Only of a supervisor, in words: `1 of 3 restarts within 5000 ms`. */
  readonly budget?: string | undefined;
  /** `temporary` for the root: nobody restarts it. */
  readonly restartType: RestartType;
  readonly significant: boolean;
  /** How often it was started again. */
  readonly restarts: number;
  readonly lastFailure?: Failure | undefined;
  /** While it runs: since when, in the milliseconds of the tree's clock. */
  readonly upSinceMs?: number | undefined;
  readonly children: readonly TreeNode[];
}
