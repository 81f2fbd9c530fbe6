/**
 * Arguments as the build function gets them: checked by the job's schema, if it has one. Once per thread, and before
 * any build there. Waiting has a deadline, since a thread at rest looks healthy.
 */

import { clipped } from '../../base/clipped.js';
import { HoldfastError } from '../../base/errors.js';
import { inTime } from '../../base/in-time.js';
import { messageOf } from '../../base/realm.js';
import { pathStep } from '../../codec/value-walk.js';
import { describeValue, isThenable } from './callbacks.js';
import { type JobArguments, requireJobDefinition } from './job-definition.js';
import type { StandardSchemaIssue } from './standard-schema.js';

/** How long an asynchronous schema may take, in milliseconds; less than a thread's time to get ready. */
export const SCHEMA_TIMEOUT_MS = 30_000;

/** Most issues that a refusal tells. */
const ISSUES_MAX = 5;
/** Longest path or message of an issue in a refusal, in characters. */
const ISSUE_TEXT_MAX = 200;
/** Stands for a key or a message that throws when it is read, or has no text. */
const UNREADABLE = '<unreadable>';

/**
 * @param definition a job module's default export
 * @param given of `run(…, { args })` or the command line
 * @returns what `build` is to be called with: the schema's output, whatever that is, or else what was given
 * @throws HoldfastError ERR_HOLDFAST_JOB_MODULE when it is no job; ERR_HOLDFAST_BAD_OPTION when its schema refuses;
 *   ERR_HOLDFAST_JOB_BUILD when the schema throws, never answers, or does not answer as a Standard Schema does
 */
export async function checkedArguments(
  definition: unknown,
  given: JobArguments,
): Promise<JobArguments> {
  const { name, args: schema } = requireJobDefinition(definition);
  if (schema === undefined) return given;
  let answer: unknown;
  try {
    // A copy: arktype converts in place, and in the calling thread the arguments are the caller's, and frozen.
    answer = schema['~standard'].validate(structuredClone(given));
    if (isThenable(answer)) answer = await inTime(answer, SCHEMA_TIMEOUT_MS, unanswered);
  } catch (error) {
    throw failed(name, error);
  }
  if (typeof answer !== 'object' || answer === null) {
    throw schemaError(name, `answered with ${describeValue(answer)}, not with a value or issues`);
  }
  let issues: unknown;
  try {
    ({ issues } = answer as { readonly issues?: unknown });
    if (issues === undefined && 'value' in answer) return answer.value as JobArguments;
  } catch (error) {
    throw failed(name, error);
  }
  if (issues === undefined) throw schemaError(name, 'answered with neither a value nor issues');
  if (!Array.isArray(issues)) {
    throw schemaError(name, `answered with issues that are no array, but ${describeValue(issues)}`);
  }
  const odd = issues.findIndex((issue) => !isIssue(issue));
  if (odd >= 0) {
    throw schemaError(name, `answered with an issue that is none: ${describeValue(issues[odd])}`);
  }
  throw refusal(name, issues);
}

function isIssue(issue: unknown): issue is StandardSchemaIssue {
  if (typeof issue !== 'object' || issue === null) return false;
  const given = issue as { readonly message?: unknown; readonly path?: unknown };
  const message = readable(() => given.message, UNREADABLE);
  const path = readable(() => given.path, null) ?? [];
  return typeof message === 'string' && Array.isArray(path);
}

/** What it gives; `otherwise` when that throws: the arguments are refused all the same. */
function readable<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

function failed(job: string, error: unknown): HoldfastError {
  const reason = readable(() => messageOf(error), UNREADABLE);
  return schemaError(job, `failed: ${clipped(reason, ISSUE_TEXT_MAX)}`, error);
}

function unanswered(): Error {
  return new Error(`its validation has not settled for ${SCHEMA_TIMEOUT_MS / 1_000} s`);
}

function schemaError(job: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_JOB_BUILD',
    `the schema for the arguments of job '${job}' ${what}. It has to answer as Standard Schema version 1 says.`,
    { cause },
  );
}

function refusal(job: string, issues: readonly StandardSchemaIssue[]): HoldfastError {
  const told = issues.slice(0, ISSUES_MAX).map(tellIssue);
  const more = issues.length - told.length;
  const reasons = told.length === 0 ? ['its schema gives no reason'] : told;
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `the arguments of job '${job}' are refused: ${reasons.join('; ')}` +
      `${more > 0 ? `; and ${more} more` : ''}. Correct them in run(…, { args }) or --arg NAME=VALUE. ` +
      "Arguments from the command line are texts, which the job's schema has to convert.",
    { details: { job, issues: told } },
  );
}

/** `args.limit: Expected number` */
function tellIssue(issue: StandardSchemaIssue): string {
  const keys: readonly unknown[] = readable(() => issue.path, undefined) ?? [];
  const path = keys.map((key) => pathStep(readable(() => keyOf(key), UNREADABLE))).join('');
  const message = readable(() => issue.message, UNREADABLE);
  return `${clipped(`args${path}`, ISSUE_TEXT_MAX)}: ${clipped(message, ISSUE_TEXT_MAX)}`;
}

/** @param segment a key, or an object that has one */
function keyOf(segment: unknown): string {
  const isHolder = typeof segment === 'object' && segment !== null;
  return String(isHolder ? (segment as { readonly key?: unknown }).key : segment);
}
