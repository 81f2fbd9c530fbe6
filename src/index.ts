export { days, hours, minutes, seconds } from './base/durations.js';
export { type ErrorCode, HoldfastError } from './base/errors.js';
