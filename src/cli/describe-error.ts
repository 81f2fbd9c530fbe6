/** An error for people: what, why, where in their own code. */

import { fileURLToPath } from 'node:url';
import type { Colors } from 'picocolors/types.js';
import { HoldfastError } from '../base/errors.js';

const OWN_ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STACK_LINES = 5;
const CAUSES_MAX = 5;

export function describeError(error: unknown, colors: Colors): string {
  const lines = [`${colors.red('holdfast:')} ${titleOf(error)}`];
  let cause = causeOf(error);
  let said = messageOf(error);
  for (let depth = 0; cause !== undefined && depth < CAUSES_MAX; depth += 1) {
    // A wrapper often ends with its cause's message: it is not said twice.
    if (!said.includes(messageOf(cause))) lines.push(`  because of ${firstLine(titleOf(cause))}`);
    said = messageOf(cause);
    if (causeOf(cause) === undefined) lines.push(...userFrames(cause).map(colors.dim));
    cause = causeOf(cause);
  }
  return lines.join('\n');
}

/** For JSON lines. */
export function errorData(error: unknown, depth = 0): Record<string, unknown> {
  const cause = depth < CAUSES_MAX ? causeOf(error) : undefined;
  return {
    name: error instanceof Error ? error.name : 'Error',
    ...(codeOf(error) === undefined ? {} : { code: codeOf(error) }),
    message: messageOf(error),
    ...(error instanceof HoldfastError ? { details: error.details } : {}),
    ...(cause === undefined ? {} : { cause: errorData(cause, depth + 1) }),
  };
}

function titleOf(error: unknown): string {
  const code = codeOf(error);
  if (code !== undefined) return `${messageOf(error)} [${code}]`;
  return error instanceof Error ? `${error.name}: ${error.message}` : messageOf(error);
}

/** Lines of the stack that are the user's: not Node's, not this package's. */
function userFrames(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !isForeign(line))
    .slice(0, STACK_LINES)
    .map((line) => `    ${line.trim()}`);
}

/** Node's own messages go on with what no user wants to read. */
function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function isForeign(line: string): boolean {
  return (
    /[( ]node:/.test(line) || line.includes(`${OWN_ROOT}dist`) || line.includes(`${OWN_ROOT}src`)
  );
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
