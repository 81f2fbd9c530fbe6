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
    answer = schema['~standard'].validate(given);
    if (isThenable(answer)) answer = await inTime(answer, SCHEMA_TIMEOUT_MS, unanswered);
  } catch (error) {
    throw schemaError(name, `failed: ${clipped(messageOf(error), ISSUE_TEXT_MAX)}`, error);
  }
  if (typeof answer !== 'object' || answer === null) {
    throw schemaError(name, `answered with ${describeValue(answer)}, not with a value or issues`);
  }
  const { issues, value } = answer as { readonly issues?: unknown; readonly value?: unknown };
  if (issues === undefined) {
    if (!('value' in answer)) throw schemaError(name, 'answered with neither a value nor issues');
    return value as JobArguments;
  }
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
  const { message, path } = issue as { readonly message?: unknown; readonly path?: unknown };
  return typeof message === 'string' && (path === undefined || Array.isArray(path));
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
  const path = (issue.path ?? []).map(keyOf).map(pathStep).join('');
  const message = clipped(issue.message, ISSUE_TEXT_MAX);
  return `${clipped(`args${path}`, ISSUE_TEXT_MAX)}: ${message}`;
}

function keyOf(segment: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment);
}
