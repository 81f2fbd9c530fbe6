/**
 * Definitions pass between copies of this module, because a bundle may carry a Holdfast of its own. So they are
 * recognised by a registered symbol and a protocol version, never by `instanceof`.
 */

/** The newest. It has a schema for the job's arguments, which copies that know only 1 would not ask. */
export const PROTOCOL_VERSION = 2;
/** That of jobs without a schema, which every copy can run. */
export const PLAIN_PROTOCOL_VERSION = 1;

export const JOB_BRAND = Symbol.for('holdfast.job');

export const ACTOR_BRAND = Symbol.for('holdfast.actor');
