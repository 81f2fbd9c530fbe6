/** Describes an error for people: what happened, why, and where in their own code. */

import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../base/errors.js';
import { describePlace, type FailurePlace } from '../base/failure.js';
import { isError, messageOf } from '../base/realm.js';
import type { Colors } from './colors.js';
import { linesOf, type Shown, shown } from './escape.js';

const OWN_ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The libraries that this package uses, wherever they are installed. */
const OWN_LIBRARIES = /[\\/]node_modules[\\/](?:comlink|immer)[\\/]/;
const STACK_LINES = 5;
const CAUSES_MAX = 8;

/** The error as lines. Further lines of a message are indented, so that they differ from what the program says. */
export function describeError(error: unknown, colors: Colors): readonly Shown[] {
  const [title = shown``, ...more] = linesOf(titleOf(error));
  const lines = [shown`${colors.red('holdfast:')} ${title}`, ...more.map(indented)];
  const place = placeOf(error);
  if (place !== undefined) lines.push(shown`  in ${place}`);
  let frames = userFrames(error);
  let cause = causeOf(error);
  let said = messageOf(error);
  for (let depth = 0; cause !== undefined && depth < CAUSES_MAX; depth += 1) {
    // A wrapper often ends with its cause's message, which is not said twice.
    if (!said.includes(messageOf(cause)))
      lines.push(shown`  because of ${firstLine(titleOf(cause))}`);
    else if (hasOwnCode(cause)) lines.push(shown`  code ${codeOf(cause) ?? ''}`);
    said = messageOf(cause);
    // The innermost error with frames of the user's shows where the failure began.
    const inner = userFrames(cause);
    if (inner.length > 0) frames = inner;
    cause = causeOf(cause);
  }
  lines.push(...frames.map(colors.dim));
  return lines;
}

function indented(line: Shown): Shown {
  return line.text.startsWith('  ') ? line : shown`  ${line}`;
}

/** The error as data for JSON lines. */
export function errorData(error: unknown, depth = 0): Record<string, unknown> {
  const cause = depth < CAUSES_MAX ? causeOf(error) : undefined;
  return {
    name: isError(error) ? error.name : 'Error',
    ...(codeOf(error) === undefined ? {} : { code: codeOf(error) }),
    message: messageOf(error),
    ...(error instanceof HoldfastError ? { details: error.details } : {}),
    ...(isError(error) && error.stack !== undefined ? { stack: error.stack } : {}),
    ...(cause === undefined ? {} : { cause: errorData(cause, depth + 1) }),
  };
}

function titleOf(error: unknown): string {
  const code = codeOf(error);
  const name = isError(error) && !(error instanceof HoldfastError) ? `${error.name}: ` : '';
  return `${name}${messageOf(error)}${code === undefined ? '' : ` [${code}]`}`;
}

/** Has the error a code of the user's? In the title Holdfast's code stands in its place. */
function hasOwnCode(error: unknown): boolean {
  return codeOf(error)?.startsWith('ERR_HOLDFAST_') === false;
}

/** The operator of one of Holdfast's errors, if the message does not name it. */
function placeOf(error: unknown): string | undefined {
  const operator = error instanceof HoldfastError ? error.details['operator'] : undefined;
  if (typeof operator !== 'string') return undefined;
  const place = describePlace((error as HoldfastError).details as FailurePlace);
  // The slot is left out: it means nothing in the job's code.
  const short = place.replace(/( \(slot \d+\))?: $/, '');
  return messageOf(error).includes(`'${operator}'`) ? undefined : short;
}

/** Lines of the stack that are neither Node's nor this package's; the user's own come before those of libraries. */
function userFrames(error: unknown): string[] {
  const stack = isError(error) ? (error.stack ?? '') : '';
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line) && !isForeign(line));
  const isLibrary = (line: string) => /[\\/]node_modules[\\/]/.test(line);
  const missing = lines.slice(STACK_LINES).filter((line) => !isLibrary(line));
  const isShortened = lines.length > STACK_LINES && missing.length > 0;
  const own = lines.filter((line, at) => at === 0 || !isLibrary(line));
  return (isShortened ? own : lines).slice(0, STACK_LINES).map((line) => `    ${line.trim()}`);
}

/** The first line of a text. Node's messages go on with internals of Node. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function isForeign(line: string): boolean {
  return (
    /[( ]node:/.test(line) ||
    OWN_LIBRARIES.test(line) ||
    line.includes(`${OWN_ROOT}dist`) ||
    line.includes(`${OWN_ROOT}src`)
  );
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

function causeOf(error: unknown): unknown {
  return isError(error) ? error.cause : undefined;
}
