import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { HoldfastError } from '../../src/base/errors.js';
import { checkedArguments, SCHEMA_TIMEOUT_MS } from '../../src/stream/api/job-arguments.js';
import { defineJob } from '../../src/stream/api/job-definition.js';
import type { StandardSchema } from '../../src/stream/api/standard-schema.js';

const build = () => {};

function schema(validate: (value: unknown) => unknown): StandardSchema {
  return { '~standard': { version: 1, vendor: 'test', validate: validate as never } };
}

const check = (args: StandardSchema, given = {}) =>
  checkedArguments(defineJob({ name: 'flights', args, build }), given);

const refusing = (...issues: unknown[]) => schema(() => ({ issues }));

function refusalOf(checking: Promise<unknown>): Promise<HoldfastError> {
  return checking.then(
    () => expect.fail('it was accepted'),
    (error) => error as HoldfastError,
  );
}

afterEach(() => {
  vi.useRealTimers();
});

describe('accepted arguments', () => {
  it('are what was given, where there is no schema', async () => {
    const given = { limit: '3' };
    expect(await checkedArguments(defineJob('flights', build), given)).toBe(given);
  });

  it('are the output of the schema, which may be a function, and may take its time', async () => {
    const output = { limit: 3 };
    expect(await check(schema(() => ({ value: output })))).toBe(output);
    expect(await check(schema(async () => ({ value: output })))).toBe(output);
    const callable = Object.assign(
      () => {},
      schema(() => ({ value: output, issues: undefined })),
    );
    expect(await check(callable)).toBe(output);
  });

  it('are what zod makes of them', async () => {
    const args = z.object({ limit: z.coerce.number(), unit: z.enum(['km', 'mi']).default('km') });
    expect(await check(args, { limit: '3', more: 1 })).toEqual({ limit: 3, unit: 'km' });
    const later = args.refine(async ({ limit }) => limit < 10, 'too far');
    expect(await check(later, { limit: '3' })).toEqual({ limit: 3, unit: 'km' });
    const error = await refusalOf(check(later, { limit: '30' }));
    expect(error.message).toContain('args: too far.');
  });
});

describe('a schema that converts in place', () => {
  it('has a copy of what was given, which may be frozen', async () => {
    const inPlace = schema((value) => {
      const args = value as { limit: unknown; nested: { more: unknown } };
      args.limit = Number(args.limit);
      args.nested.more = true;
      return { value: args };
    });
    const given = Object.freeze({ limit: '3', nested: Object.freeze({ more: 'yes' }) });
    expect(await check(inPlace, given)).toEqual({ limit: 3, nested: { more: true } });
    expect(given).toEqual({ limit: '3', nested: { more: 'yes' } });
  });
});

describe('refused arguments', () => {
  it('are told with path and reason, and with what to do', async () => {
    const error = await refusalOf(
      check(
        refusing(
          { message: 'Expected number', path: ['limit'] },
          { message: 'Too short', path: [{ key: 'places' }, 0, { key: 'code' }] },
          { message: 'Unknown', path: ['odd name', Symbol('s')] },
          { message: 'Nothing fits', path: [] },
          { message: 'Really' },
        ),
      ),
    );
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toBe(
      "the arguments of job 'flights' are refused: args.limit: Expected number; " +
        'args.places[0].code: Too short; args["odd name"]["Symbol(s)"]: Unknown; args: Nothing fits; ' +
        'args: Really. Correct them in run(…, { args }) or --arg NAME=VALUE. Arguments from the command ' +
        "line are texts, which the job's schema has to convert.",
    );
  });

  it('are told in bounds: five issues, none of them long', async () => {
    const long = 'x'.repeat(10_000);
    const issues = Array.from({ length: 7 }, () => ({ message: long, path: [long] }));
    const error = await refusalOf(check(refusing(...issues)));
    expect(error.message).toContain('; and 2 more. Correct');
    expect(error.message.length).toBeLessThan(3_000);
    expect(error.details['issues']).toHaveLength(5);
  });

  it('are refused though a reason cannot be read', async () => {
    const unreadable = () => {
      throw new Error('not to be read');
    };
    const odd = [
      { message: 'm', path: [null] },
      {
        message: 'm',
        path: [{ key: Object.create(null) }, Object.defineProperty({}, 'key', { get: unreadable })],
      },
      Object.defineProperty({}, 'message', { get: unreadable }),
      Object.defineProperty({ message: 'm' }, 'path', { get: unreadable }),
      { message: 'm', path: null },
    ];
    const error = await refusalOf(check(refusing(...odd)));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.details['issues']).toEqual([
      'args.null: m',
      'args<unreadable><unreadable>: m',
      'args: <unreadable>',
      'args: m',
      'args: m',
    ]);
  });

  it('are refused without a reason as well', async () => {
    const error = await refusalOf(check(refusing()));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain('refused: its schema gives no reason. Correct');
  });
});

describe('a schema at fault', () => {
  it('throws, at once or later', async () => {
    const cause = new RangeError('no such table');
    const ways = [
      () => {
        throw cause;
      },
      () => Promise.reject(cause),
    ];
    for (const way of ways) {
      const error = await refusalOf(check(schema(way)));
      expect(error.code).toBe('ERR_HOLDFAST_JOB_BUILD');
      expect(error.message).toContain("arguments of job 'flights' failed: ");
      expect(error.message).toContain('no such table');
      expect(error.cause).toBe(cause);
    }
  });

  it.each([
    [undefined, 'answered with undefined'],
    [true, 'answered with the boolean true'],
    [{ issues: 'bad' }, 'issues that are no array, but the string "bad"'],
    [{ issues: null }, 'issues that are no array, but null'],
    [{}, 'answered with neither a value nor issues'],
  ])('answers with %j', async (answer, said) => {
    const error = await refusalOf(check(schema(() => answer)));
    expect(error.code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(error.message).toContain(said);
  });

  it('has an answer that throws when it is read, or throws what has no text', async () => {
    const cause = new RangeError('no such table');
    const answer = Object.defineProperty({}, 'issues', {
      get() {
        throw cause;
      },
    });
    const error = await refusalOf(check(schema(() => answer)));
    expect(error).toMatchObject({ code: 'ERR_HOLDFAST_JOB_BUILD', cause });
    const textless = await refusalOf(check(schema(() => Promise.reject(Object.create(null)))));
    expect(textless.code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(textless.message).toContain('failed: what was thrown cannot be read.');
  });

  it('has issues that are none', async () => {
    const error = await refusalOf(check(refusing(null, 'bad', { path: 'limit' })));
    expect(error.code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(error.message).toContain('an issue that is none: null');
  });

  it('never answers', async () => {
    vi.useFakeTimers();
    const refusal = refusalOf(check(schema(() => new Promise(() => {}))));
    await vi.advanceTimersByTimeAsync(SCHEMA_TIMEOUT_MS);
    const error = await refusal;
    expect(error.code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(error.message).toContain('has not settled for 30 s');
  });
});
