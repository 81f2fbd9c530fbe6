/** What an actor is made of: a name, a first state, handlers. */

import { ACTOR_BRAND } from '../base/brand.js';
import { badOption, checkNumber, checkObject, checkOneOf } from '../base/option-checks.js';
import type { ActorContext } from './actor-context.js';

/** The newest protocol of definitions that this copy knows. */
const ACTOR_PROTOCOL = 1;
const CAPACITY_DEFAULT = 1_024;
const CAPACITY_MAX = 1_000_000_000;

/** `message` is `never` here, so that each handler may declare its own. */
export type ActorHandler<S> = (state: S, message: never, ctx: ActorContext) => unknown;
export type ActorHandlers<S> = Readonly<Record<string, ActorHandler<S>>>;

/**
 * What a throw of a handler means. `resume`: the caller's error, the actor goes on. `restart`: the actor fails, and its
 * supervisor decides. `stop`: it ends for good. `escalate`: its supervisor fails.
 */
export type ErrorVerdict = 'resume' | 'restart' | 'stop' | 'escalate';

/** What a full mailbox does. `block`: who sends waits, and takes no next message meanwhile. */
export type MailboxPolicy = 'block' | 'drop-newest' | 'drop-oldest' | 'fail';

export interface MailboxOptions {
  /** Messages that may wait; signals, timers and answers are not counted. Default 1 024. */
  readonly capacity?: number | undefined;
  /** Default `block`. */
  readonly policy?: MailboxPolicy | undefined;
}

/** What `initial` returns when there is nothing to do for the actor: it is not started, and that is no failure. */
export const IGNORE: unique symbol = Symbol.for('holdfast.actor.ignore');

export interface ActorSpec<S, H, A> {
  /** The first state, also after a restart: a plain object, an array, a Map or a Set. `args`: see `SpawnOptions`. */
  readonly initial: (args: A) => S | typeof IGNORE;
  /** May be async. What one returns is the answer to an ask. */
  readonly handlers: H;
  /** Of the state's shape; a whole number from 1. Default 1. */
  readonly version?: number | undefined;
  /** Makes this version's state of that of an earlier one. */
  readonly migrate?: ((state: unknown, version: number) => S) | undefined;
  /** Default `resume`. */
  readonly onError?: ErrorVerdict | ((error: unknown) => ErrorVerdict) | undefined;
  readonly mailbox?: MailboxOptions | undefined;
}

export interface ActorDefinition<
  S = unknown,
  H extends ActorHandlers<never> = ActorHandlers<never>,
  A = never,
> {
  /** The protocol version it was made for, under a registered symbol: see src/base/brand.ts. */
  readonly [ACTOR_BRAND]: number;
  /** Of the module that exports it. */
  readonly url: string;
  readonly name: string;
  readonly initial: (args: A) => S;
  readonly handlers: H;
  readonly version: number;
  readonly migrate: ((state: unknown, version: number) => S) | undefined;
  readonly onError: ErrorVerdict | ((error: unknown) => ErrorVerdict);
  readonly mailbox: { readonly capacity: number; readonly policy: MailboxPolicy };
}

// biome-ignore lint/suspicious/noExplicitAny: of any state, handlers and arguments
export type AnyDefinition = ActorDefinition<any, any, any>;

type HandlersOf<D> = D extends { readonly handlers: infer H } ? H : never;
/** Names of what an actor can be told. */
export type MessageName<D> = keyof HandlersOf<D> & string;
type HandlerOf<D, N> = HandlersOf<D>[N & keyof HandlersOf<D>];
type Given<R> = R extends readonly [infer M, ...unknown[]]
  ? [M] extends [never]
    ? []
    : undefined extends M
      ? [message?: M]
      : [message: M]
  : R extends readonly [(infer M)?, ...unknown[]]
    ? [unknown] extends [M]
      ? []
      : [message?: M]
    : [];
/** The message that goes with a name, as a rest parameter: none, an optional one, or one. */
export type MessageOf<D, N> =
  HandlerOf<D, N> extends (state: never, ...rest: infer R) => unknown ? Given<R> : never;
/** What an ask of that name resolves to. */
export type AnswerOf<D, N> =
  HandlerOf<D, N> extends (...args: never) => infer R ? Awaited<R> : never;

/**
 * Defines an actor. Top-level code of its module runs in every thread, and must be free of side effects.
 * @param url `import.meta.url` of the module that exports it
 * @param name unique in a system; without `/`
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION
 */
export function defineActor<S, H extends ActorHandlers<S>, A = unknown>(
  url: string,
  name: string,
  spec: ActorSpec<S, H, A>,
): ActorDefinition<S, H, A> {
  if (typeof name !== 'string' || name.trim() === '' || name.includes('/')) {
    throw badOption('defineActor name', name, "a text without '/'");
  }
  const at = `defineActor('${name}')`;
  if (typeof url !== 'string' || !/^[a-z]+:/.test(url)) {
    throw badOption(`${at} url`, url, 'import.meta.url');
  }
  if (spec === undefined) throw badOption(at, spec, 'an object with initial and handlers');
  const given = checkObject(at, spec, [
    'initial',
    'handlers',
    'version',
    'migrate',
    'onError',
    'mailbox',
  ]);
  const { initial, handlers, migrate, onError = 'resume' } = given;
  checkFunction(`${at}.initial`, initial);
  checkHandlers(`${at}.handlers`, handlers);
  if (migrate !== undefined) checkFunction(`${at}.migrate`, migrate);
  if (typeof onError !== 'function') checkOneOf(`${at}.onError`, onError, 'resume', VERDICTS);
  const mailbox = checkObject(`${at}.mailbox`, given.mailbox, ['capacity', 'policy']);
  const whole = { min: 1, max: CAPACITY_MAX, integer: true } as const;
  return Object.freeze({
    [ACTOR_BRAND]: ACTOR_PROTOCOL,
    url,
    name,
    initial: initial as (args: A) => S,
    handlers: handlers as H,
    version: checkNumber(`${at}.version`, given.version, 1, whole),
    migrate: migrate as ((state: unknown, version: number) => S) | undefined,
    onError,
    mailbox: Object.freeze({
      capacity: checkNumber(`${at}.mailbox.capacity`, mailbox.capacity, CAPACITY_DEFAULT, whole),
      policy: checkOneOf(`${at}.mailbox.policy`, mailbox.policy, 'block', POLICIES),
    }),
  });
}

export const VERDICTS = ['resume', 'restart', 'stop', 'escalate'] as const;
const POLICIES = ['block', 'drop-newest', 'drop-oldest', 'fail'] as const;

/** Is this what `defineActor` gave, in this or another copy of the package whose protocol this one knows? */
export function isActorDefinition(value: unknown): value is ActorDefinition {
  if (typeof value !== 'object' || value === null) return false;
  return (value as { [ACTOR_BRAND]?: unknown })[ACTOR_BRAND] === ACTOR_PROTOCOL;
}

function checkFunction(option: string, given: unknown): void {
  if (typeof given !== 'function') throw badOption(option, given, 'a function');
}

function checkHandlers(option: string, given: unknown): void {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  if (!isObject || Object.keys(given).length === 0) {
    throw badOption(option, given, 'an object with at least one handler');
  }
  for (const [name, handler] of Object.entries(given)) checkFunction(`${option}.${name}`, handler);
}
