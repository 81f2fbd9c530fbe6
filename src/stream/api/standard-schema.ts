/**
 * Standard Schema, version 1: the interface that validation libraries share (zod, valibot, arktype…). Types of our own
 * in the shape that https://standardschema.dev lays down, so that none of these libraries is a dependency.
 */

import { HoldfastError } from '../../base/errors.js';
import { describeValue } from './callbacks.js';

/** A schema of any library. `Input` is what it accepts, `Output` what validation gives: defaults filled in, texts converted. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1;
    /** The library's name. */
    readonly vendor: string;
    readonly validate: (
      value: unknown,
    ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
    /** For the compiler; at run time there is nothing here. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What `validate` answers: a value, or what keeps the given one from being accepted. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

export interface StandardSchemaIssue {
  readonly message: string;
  /** Keys from the validated value inwards. Absent or empty: the value as a whole. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type of what a schema's validation gives. */
export type InferOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output'];

/**
 * @param where for the message: `defineJob({ name: 'x', args })`
 * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION for what is no schema of version 1
 */
export function checkSchema(schema: unknown, where: string): void {
  // A schema may be a function with properties, as those of arktype are.
  const isHolder = (typeof schema === 'object' && schema !== null) || typeof schema === 'function';
  const standard = isHolder ? (schema as Partial<StandardSchema>)['~standard'] : undefined;
  if (typeof standard !== 'object' || standard === null) {
    throw notASchema(`${where} needs a schema, but was given ${describeValue(schema)}`);
  }
  const { version, validate } = standard as { version?: unknown; validate?: unknown };
  if (version !== 1) {
    throw notASchema(
      `the schema of ${where} speaks another version of Standard Schema than 1: ${describeValue(version)}`,
    );
  }
  if (typeof validate !== 'function') {
    throw notASchema(
      `the schema of ${where} has no function ['~standard'].validate, but ${describeValue(validate)}`,
    );
  }
}

function notASchema(what: string): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `${what}. Give one that follows Standard Schema version 1, as those of zod, valibot and arktype do.`,
  );
}
