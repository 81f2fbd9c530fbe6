/**
 * Definitions pass between copies of this module, because a bundle may carry a Holdfast of its own. So they are
 * recognised by a registered symbol and a protocol version, never by `instanceof`.
 */
export const PROTOCOL_VERSION = 1;

export const JOB_BRAND = Symbol.for('holdfast.job');
