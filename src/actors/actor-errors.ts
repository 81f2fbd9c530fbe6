/** The named errors of actors: each says what was wrong and what to do. */

import { HoldfastError } from '../base/errors.js';

/** No definition has that name here. */
export function unknownActor(name: unknown, known: Iterable<string>): HoldfastError {
  const names = [...known];
  return new HoldfastError(
    'ERR_HOLDFAST_UNKNOWN_ACTOR',
    `there is no actor definition '${String(name)}' here; there are: ${names.join(', ') || 'none'}. Register the definition first.`,
    { details: { actor: String(name), known: names } },
  );
}

/** A thread has loaded the modules of all definitions, and that one is not among what they export. */
export function notExported(name: string, known: Iterable<string>): HoldfastError {
  const names = [...known];
  return new HoldfastError(
    'ERR_HOLDFAST_ACTOR_MODULE',
    `no module exports the definition of actor '${name}'; exported are: ${names.join(', ') || 'none'}. Threads load it ` +
      'from the file whose import.meta.url defineActor was given: export it there.',
    { details: { actor: name, known: names } },
  );
}

export function unknownHandler(
  actor: string,
  handler: unknown,
  known: Iterable<string>,
): HoldfastError {
  const names = [...known];
  return new HoldfastError(
    'ERR_HOLDFAST_UNKNOWN_HANDLER',
    `actor '${actor}' has no handler '${String(handler)}'; it has: ${names.join(', ')}.`,
    { details: { actor, handler: String(handler), known: names } },
  );
}

export function twoDefinitions(name: string, urls: readonly string[]): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ACTOR_DEFINITION',
    `two actor definitions are called '${name}' (${urls.join(' and ')}); rename one.`,
    { details: { actor: name, urls } },
  );
}

/** The target of a message has ended, was never there, or was stopped before it had answered. */
export function actorStopped(path: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ACTOR_STOPPED',
    `actor '${path}' does not run: it has ended, was stopped, or was never started.`,
    { details: { path }, cause },
  );
}

export function askTimeout(path: string, handler: string, timeoutMs: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ASK_TIMEOUT',
    `'${path}' has not answered '${handler}' within ${timeoutMs} ms. It may still do what it was asked to; give the ask ` +
      'a longer timeoutMs, or find what holds the actor.',
    { details: { path, handler, timeoutMs } },
  );
}

/** @param ring paths of the actors that wait for each other, each for the next one */
export function askCycle(ring: readonly string[]): HoldfastError {
  const who =
    ring.length === 1
      ? `actor '${ring[0]}' asks itself, and would wait for its own answer`
      : `actors wait for each other's answers: ${ring.join(' → ')} → ${ring[0]}`;
  return new HoldfastError(
    'ERR_HOLDFAST_ASK_CYCLE',
    `${who}. Use send, or ask with { reply: 'handler' }, so that nobody is held meanwhile.`,
    { details: { ring } },
  );
}

/** @param ring paths of the actors whose mailboxes are full, each of which waits for room in the next one's */
export function mailboxRing(ring: readonly string[]): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_MAILBOX_RING',
    `actors wait for room in each other's mailboxes: ${ring.join(' → ')} → ${ring[0]}. What this message was to do is ` +
      'not done. Give one of them a larger mailbox.capacity or another mailbox.policy, or send less for each message.',
    { details: { ring } },
  );
}

export function mailboxFull(path: string, capacity: number): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_MAILBOX_FULL',
    `the mailbox of '${path}' is full: it holds ${capacity} messages. Send slower, or give it a larger mailbox.capacity ` +
      "or the policy 'block'.",
    { details: { path, capacity } },
  );
}

export function actorExists(path: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ACTOR_EXISTS',
    `there is an actor '${path}' already; choose another id, or leave the id out.`,
    { details: { path } },
  );
}

export function actorLimit(what: string, limit: number, option: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_ACTOR_LIMIT',
    `${what}: the limit is ${limit}. If nothing spawns without end, raise ${option}.`,
    { details: { limit, option } },
  );
}

/** A context was used when its handler had ended. */
export function afterTheEnd(actor: string, handler: string, what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_OUTSIDE_CALLBACK',
    `ctx.${what} was called after the handler '${handler}' of actor '${actor}' had ended; nothing of it was done. ` +
      'Await what the handler starts, or send the actor a message.',
    { details: { actor, handler, what } },
  );
}

export function misuse(message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_USER_CODE', message);
}
