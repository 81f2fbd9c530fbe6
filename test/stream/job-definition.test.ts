import { describe, expect, it } from 'vitest';
import { JOB_BRAND, PLAIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../../src/base/brand.js';
import { HoldfastError } from '../../src/base/errors.js';
import type { DataStream } from '../../src/stream/api/data-stream.js';
import type { StreamEnvironment } from '../../src/stream/api/environment.js';
import { defineJob, isJobDefinition } from '../../src/stream/api/job-definition.js';
import type { StandardSchema } from '../../src/stream/api/standard-schema.js';
import { buildGraph, graphData } from '../../src/stream/graph/graph-builder.js';
import { builtinSinks, draw, sink, source, thrownBy } from './graph-kit.js';

const whole = (env: StreamEnvironment): void => {
  env.from(source()).sinkTo(sink());
};

const schema = (more: object = {}): StandardSchema => ({
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }), ...more },
});

describe('defineJob', () => {
  it('gives a frozen, branded object', () => {
    const job = defineJob('flights', whole);
    expect(Object.isFrozen(job)).toBe(true);
    expect(isJobDefinition(job)).toBe(true);
    expect(isJobDefinition({ ...job })).toBe(true);
    expect(isJobDefinition({ name: 'flights', build: whole })).toBe(false);
    for (const other of [undefined, null, 1, 'job', whole]) {
      expect(isJobDefinition(other)).toBe(false);
    }
  });

  it('refuses a missing name or build function', () => {
    expect(thrownBy(() => defineJob('', whole)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(thrownBy(() => defineJob('x', 1 as never)).code).toBe('ERR_HOLDFAST_BAD_OPTION');
    const asynchronous = (async () => {}) as never;
    expect(thrownBy(() => defineJob('x', asynchronous)).code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
  });

  it('takes a schema for the arguments, and says so to copies that know none', () => {
    const args = schema();
    const job = defineJob({ name: 'flights', args, build: whole });
    expect(Object.isFrozen(job)).toBe(true);
    expect(isJobDefinition(job)).toBe(true);
    expect(job).toMatchObject({ name: 'flights', args, build: whole });
    expect(job[JOB_BRAND]).toBe(PROTOCOL_VERSION);
    expect(defineJob('flights', whole)[JOB_BRAND]).toBe(PLAIN_PROTOCOL_VERSION);
  });

  it.each([
    ['no name', { args: schema(), build: whole }, 'needs a name'],
    ['no build', { name: 'x', args: schema() }, 'needs a function, but was given undefined'],
    ['no schema', { name: 'x', build: whole }, 'needs a schema, but was given undefined'],
    [
      'a class',
      { name: 'x', args: Date, build: whole },
      'needs a schema, but was given the function',
    ],
    ['null', { name: 'x', args: null, build: whole }, 'needs a schema, but was given null'],
    ['another version', { name: 'x', args: schema({ version: 2 }), build: whole }, 'the number 2'],
    ['no validate', { name: 'x', args: schema({ validate: 1 }), build: whole }, 'no function'],
    [
      'an unknown option',
      { name: 'x', arg: schema(), build: whole },
      'did you mean defineJob.args',
    ],
  ])('refuses %s', (_, spec, said) => {
    const error = thrownBy(() => defineJob(spec as never));
    expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
    expect(error.message).toContain(said);
  });

  it('refuses an asynchronous build function beside a schema', () => {
    const error = thrownBy(() =>
      defineJob({ name: 'x', args: schema(), build: (async () => {}) as never }),
    );
    expect(error.code).toBe('ERR_HOLDFAST_ASYNC_CALLBACK');
  });
});

describe('buildGraph', () => {
  it('hands the arguments over', () => {
    const seen: unknown[] = [];
    const job = defineJob('x', (env, args) => {
      seen.push(args['file']);
      whole(env);
    });
    buildGraph(job, { file: 'a.csv' }, builtinSinks);
    expect(seen).toEqual(['a.csv']);
  });

  it('says what the default export is when it is no job', () => {
    const error = thrownBy(() => buildGraph({ default: 1 }, {}, builtinSinks));
    expect(error.code).toBe('ERR_HOLDFAST_JOB_MODULE');
    expect(error.message).toContain('export default defineJob');
  });

  it('names both protocols when the job was made by another', () => {
    const foreign = { ...defineJob('x', whole), [JOB_BRAND]: PROTOCOL_VERSION + 1 };
    const error = thrownBy(() => buildGraph(foreign, {}, builtinSinks));
    expect(error.code).toBe('ERR_HOLDFAST_JOB_MODULE');
    expect(error.message).toContain(`protocol ${PROTOCOL_VERSION + 1}`);
  });

  it('wraps what the build function throws, with its cause', () => {
    const cause = new RangeError('no such year');
    const error = thrownBy(() =>
      draw(() => {
        throw cause;
      }),
    );
    expect(error.code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(error.message).toContain('RangeError: no such year');
    expect(error.cause).toBe(cause);
    const odd = thrownBy(() =>
      draw(() => {
        throw undefined;
      }),
    );
    expect(odd.code).toBe('ERR_HOLDFAST_JOB_BUILD');
  });

  it('passes Holdfast’s own errors on as they are', () => {
    const own = new HoldfastError('ERR_HOLDFAST_BAD_OPTION', 'x must be y');
    expect(
      thrownBy(() =>
        draw(() => {
          throw own;
        }),
      ),
    ).toBe(own);
  });

  it('refuses a build function that gives a promise, and leaves no unhandled rejection', async () => {
    const build = () => Promise.reject(new Error('later')) as never;
    expect(thrownBy(() => draw(build)).code).toBe('ERR_HOLDFAST_JOB_BUILD');
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('closes the graph when the build function returns', () => {
    let kept: { env: StreamEnvironment; stream: DataStream<unknown> } | undefined;
    draw((env) => {
      const stream = env.from(source());
      stream.print();
      kept = { env, stream };
    });
    expect(thrownBy(() => kept?.env.from(source())).code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(thrownBy(() => kept?.stream.map((x) => x)).code).toBe('ERR_HOLDFAST_JOB_BUILD');
    expect(thrownBy(() => kept?.stream.name('x')).code).toBe('ERR_HOLDFAST_JOB_BUILD');
  });

  it('gives data that can cross threads and be kept as JSON', () => {
    const graph = draw((env) => {
      env
        .from(source('generate'))
        .keyBy(() => 'all')
        .count()
        .sinkTo(sink('files', { committer: { kind: 'rename', directory: '/out' } }));
    });
    const data = graphData(graph);
    expect(structuredClone(data)).toEqual(data);
    expect(data.nodes[2]?.committer).toEqual({ kind: 'rename', directory: '/out' });
    expect(data.nodes.map(({ commitsInWorker }) => commitsInWorker)).toEqual([false, false, false]);
    expect(data.hash).toBe(graph.hash);
  });

  it('knows which sinks commit in a worker', () => {
    const graph = draw((env) => {
      env.from(source()).sinkTo(sink('db', { commit: async () => {} }));
    });
    expect(graphData(graph).nodes.map(({ commitsInWorker }) => commitsInWorker)).toEqual([
      false,
      true,
    ]);
  });
});
