/**
 * Definitions cross module copies (a bundle carries its own Holdfast), so they are recognised by a
 * registered symbol and a protocol version, never by `instanceof`.
 */
export const PROTOCOL_VERSION = 1;

export const JOB_BRAND = Symbol.for('holdfast.job');
