/**
 * The specification of a supervisor and its children, in the words and with the defaults of Erlang/OTP's
 * `supervisor`. A wrong specification is refused as a whole, before anything is started, with OTP's word
 * for what is wrong in `details.reason`.
 */

import { HoldfastError } from '../base/errors.js';
import { TIMER_MS_MAX } from '../base/option-checks.js';
import { checkRestartStrategy, type RestartStrategy } from './restart-strategy.js';

/** `permanent`: restarted after any end; `transient`: after an abnormal one; `temporary`: never. */
export type RestartType = 'permanent' | 'transient' | 'temporary';

/** How long a child that was asked to stop may take, in milliseconds, before it is killed. */
export type Shutdown = number | 'infinity' | 'brutal-kill';

export interface ChildSpec {
  /** Unique among the children of one supervisor. */
  readonly id: string;
  /** Default `permanent`. */
  readonly restart?: RestartType | undefined;
  /** Its end may end the supervisor (`autoShutdown`). Default false. */
  readonly significant?: boolean | undefined;
  /** Default 5 000; `infinity` for a supervisor. */
  readonly shutdown?: Shutdown | undefined;
  /** Default `worker`. */
  readonly type?: 'worker' | 'supervisor' | undefined;
}

/** Which children go down with one that failed: none, all, or those started after it. */
export type SupervisionStrategy =
  | 'one-for-one'
  | 'one-for-all'
  | 'rest-for-one'
  /** Children made of one template, added while the supervisor runs, stopped all together. */
  | 'simple-one-for-one';

export interface SupervisorSpec {
  /** Default `one-for-one`. */
  readonly strategy?: SupervisionStrategy | undefined;
  /** More restarts than this within `periodMs` escalate. Default 1; none when `backoff` is given. */
  readonly intensity?: number | undefined;
  /** Milliseconds. Default 5 000. */
  readonly periodMs?: number | undefined;
  /** When restarts happen; its budget counts too. Default: at once, without a budget of its own. */
  readonly backoff?: RestartStrategy | undefined;
  /** Which unprompted ends of significant children end the supervisor as well. Default `never`. */
  readonly autoShutdown?: 'never' | 'any-significant' | 'all-significant' | undefined;
  /**
   * What happens when a child cannot start for the first time: the supervisor fails (as in OTP, the
   * default), or this is answered like any other failure.
   */
  readonly firstStart?: 'escalate' | 'restart' | undefined;
  /** In the order in which they start. Of `simple-one-for-one` exactly one, the template. */
  readonly children: readonly ChildSpec[];
}

export type ResolvedChildSpec = {
  readonly [K in keyof ChildSpec]-?: Exclude<ChildSpec[K], undefined>;
};

export interface ResolvedSupervisorSpec {
  readonly strategy: SupervisionStrategy;
  /** At least one of `intensity` and the back-off is there. */
  readonly intensity: { readonly restarts: number; readonly periodMs: number } | undefined;
  readonly backoff: RestartStrategy | undefined;
  readonly autoShutdown: 'never' | 'any-significant' | 'all-significant';
  readonly firstStart: 'escalate' | 'restart';
  readonly children: readonly ResolvedChildSpec[];
}

/** What is wrong with a specification: OTP's word where it has one. */
export type SpecFault =
  | 'invalid-supervisor-spec'
  | 'invalid-strategy'
  | 'invalid-intensity'
  | 'invalid-period'
  | 'invalid-backoff'
  | 'invalid-auto-shutdown'
  | 'invalid-first-start'
  | 'bad-start-spec'
  | 'invalid-child-spec'
  | 'missing-id'
  | 'invalid-id'
  | 'duplicate-child-name'
  | 'invalid-restart-type'
  | 'invalid-significant'
  | 'invalid-shutdown'
  | 'invalid-child-type'
  | 'bad-combination';

const STRATEGIES = ['one-for-one', 'one-for-all', 'rest-for-one', 'simple-one-for-one'] as const;
const RESTART_TYPES = ['permanent', 'transient', 'temporary'] as const;
const AUTO_SHUTDOWNS = ['never', 'any-significant', 'all-significant'] as const;
const FIRST_STARTS = ['escalate', 'restart'] as const;
const CHILD_TYPES = ['worker', 'supervisor'] as const;
const INTENSITY_DEFAULT = 1;
/** The time of each restart of the window is remembered, so there is a limit. */
const INTENSITY_MAX = 1_000_000;
const PERIOD_MS_DEFAULT = 5_000;
const SHUTDOWN_MS_DEFAULT = 5_000;

/** @throws HoldfastError ERR_HOLDFAST_BAD_CHILD_SPEC with a `SpecFault` in `details.reason` */
export function checkSupervisorSpec(spec: SupervisorSpec): ResolvedSupervisorSpec {
  if (typeof spec !== 'object' || spec === null) {
    throw specFault('invalid-supervisor-spec', 'a supervisor needs an object with children');
  }
  const strategy = oneOf(spec.strategy, STRATEGIES, 'one-for-one', 'invalid-strategy', 'strategy');
  const autoShutdown = oneOf(
    spec.autoShutdown,
    AUTO_SHUTDOWNS,
    'never',
    'invalid-auto-shutdown',
    'autoShutdown',
  );
  const firstStart = oneOf(
    spec.firstStart,
    FIRST_STARTS,
    'escalate',
    'invalid-first-start',
    'firstStart',
  );
  if (!Array.isArray(spec.children)) {
    throw specFault('bad-start-spec', 'children must be an array of child specifications');
  }
  if (strategy === 'simple-one-for-one' && spec.children.length !== 1) {
    throw specFault(
      'bad-start-spec',
      `a simple-one-for-one supervisor has exactly one child, the template, not ${spec.children.length}`,
    );
  }
  const children = spec.children.map((child) => checkChildSpec(child, autoShutdown));
  const ids = new Set<string>();
  for (const { id } of children) {
    if (ids.has(id)) {
      throw specFault('duplicate-child-name', `two children are called '${id}'; rename one`, id);
    }
    ids.add(id);
  }
  return { strategy, ...checkBudget(spec), autoShutdown, firstStart, children };
}

/**
 * One child, with the defaults filled in.
 *
 * @param autoShutdown of the supervisor that is to have it
 * @throws HoldfastError ERR_HOLDFAST_BAD_CHILD_SPEC with a `SpecFault` in `details.reason`
 */
export function checkChildSpec(
  spec: ChildSpec,
  autoShutdown: ResolvedSupervisorSpec['autoShutdown'],
): ResolvedChildSpec {
  if (typeof spec !== 'object' || spec === null) {
    throw specFault('invalid-child-spec', 'a child is specified by an object with an id');
  }
  const { id } = spec;
  if (id === undefined || id === null || id === '') {
    throw specFault('missing-id', 'every child needs an id: a text that names it');
  }
  if (typeof id !== 'string') {
    throw specFault('invalid-id', `a child's id must be a text, not ${String(id)}`);
  }
  const at = `child '${id}': `;
  const restart = oneOf(
    spec.restart,
    RESTART_TYPES,
    'permanent',
    'invalid-restart-type',
    `${at}restart`,
    id,
  );
  const type = oneOf(spec.type, CHILD_TYPES, 'worker', 'invalid-child-type', `${at}type`, id);
  const significant = spec.significant ?? false;
  if (typeof significant !== 'boolean') {
    throw specFault('invalid-significant', `${at}significant must be true or false`, id);
  }
  if (significant && restart === 'permanent') {
    throw specFault(
      'bad-combination',
      `${at}a permanent child never ends for good, so it cannot be significant; make it transient ` +
        'or temporary',
      id,
    );
  }
  if (significant && autoShutdown === 'never') {
    throw specFault(
      'bad-combination',
      `${at}it is significant, but the supervisor's autoShutdown is never; choose any-significant ` +
        'or all-significant there, or make the child insignificant',
      id,
    );
  }
  const shutdown = spec.shutdown ?? (type === 'supervisor' ? 'infinity' : SHUTDOWN_MS_DEFAULT);
  const isTime = typeof shutdown === 'number' && shutdown >= 0 && shutdown <= TIMER_MS_MAX;
  if (!isTime && shutdown !== 'infinity' && shutdown !== 'brutal-kill') {
    throw specFault(
      'invalid-shutdown',
      `${at}shutdown must be milliseconds from 0 to ${TIMER_MS_MAX}, 'infinity' or 'brutal-kill', ` +
        `not ${String(shutdown)}`,
      id,
    );
  }
  return { id, restart, significant, shutdown, type };
}

/** @param child the child's id, where it is known */
export function specFault(reason: SpecFault, message: string, child?: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_BAD_CHILD_SPEC', `${message} (${reason}).`, {
    details: { reason, child },
  });
}

function checkBudget(spec: SupervisorSpec): Pick<ResolvedSupervisorSpec, 'intensity' | 'backoff'> {
  const { intensity: restarts = INTENSITY_DEFAULT, periodMs = PERIOD_MS_DEFAULT } = spec;
  if (!Number.isInteger(restarts) || restarts < 0 || restarts > INTENSITY_MAX) {
    throw specFault(
      'invalid-intensity',
      `intensity must be a whole number from 0 to ${INTENSITY_MAX}, not ${String(restarts)}`,
    );
  }
  if (!Number.isFinite(periodMs) || periodMs <= 0) {
    throw specFault(
      'invalid-period',
      `periodMs must be a number of milliseconds above 0, not ${String(periodMs)}`,
    );
  }
  const intensity = { restarts, periodMs };
  if (spec.backoff === undefined) return { intensity, backoff: undefined };
  const backoff = checkBackoff(spec.backoff);
  if (spec.intensity !== undefined) return { intensity, backoff };
  if (spec.periodMs !== undefined) {
    throw specFault(
      'bad-combination',
      'with a backoff, periodMs says nothing without an intensity; give both or neither',
    );
  }
  return { intensity: undefined, backoff };
}

function checkBackoff(given: RestartStrategy): RestartStrategy {
  try {
    return checkRestartStrategy(given);
  } catch (error) {
    const message = error instanceof HoldfastError ? error.message : String(error);
    throw new HoldfastError('ERR_HOLDFAST_BAD_CHILD_SPEC', `backoff: ${message}`, {
      cause: error,
      details: { reason: 'invalid-backoff' satisfies SpecFault },
    });
  }
}

function oneOf<const T extends string>(
  given: T | undefined,
  allowed: readonly T[],
  fallback: T,
  reason: SpecFault,
  what: string,
  child?: string,
): T {
  if (given === undefined) return fallback;
  if (allowed.includes(given)) return given;
  const list = allowed.map((word) => `'${word}'`).join(', ');
  throw specFault(reason, `${what} must be one of ${list}, not ${String(given)}`, child);
}
