/** One operator, or a few, in a test: streams whose records and times the test hands in. */

import { HoldfastError } from '../base/errors.js';
import { badOption } from '../base/option-checks.js';
import { describeValue } from '../stream/api/callbacks.js';
import { ChangelogStream, DataStream } from '../stream/api/data-stream.js';
import { defineJob } from '../stream/api/job-definition.js';
import { HandSource } from './hand-source.js';
import { Harness, type HarnessParts, openParts } from './harness.js';
import type { TestInput } from './test-input.js';
import { type ResolvedTestOptions, resolveTestOptions, type TestOptions } from './test-options.js';

const OUTPUT = 'main output';

/**
 * Makes operators ready to be driven by hand, as `testJob` does with a job. Records have the event times with which they
 * are handed in, and time goes on when `watermark(ms)` says so.
 *
 * @param build draws the operators: `(orders: DataStream<Order>) => orders.keyBy(…).process(…)`; with two streams for
 *   operators of two inputs. What it gives is the output; its side outputs can be read by their tags.
 * @throws HoldfastError as `testJob`
 */
export function testOperator<T, O>(
  build: (stream: DataStream<T>) => DataStream<O, unknown>,
  options?: TestOptions,
): Promise<TestOperator<T, O>>;
export function testOperator<L, R, O>(
  build: (left: DataStream<L>, right: DataStream<R>) => DataStream<O, unknown>,
  options?: TestOptions,
): Promise<TestTwoInputs<L, R, O>>;
export async function testOperator(
  build: (...streams: DataStream<never>[]) => DataStream<unknown, unknown>,
  options?: TestOptions,
): Promise<unknown> {
  if (typeof build !== 'function') throw badOption('build', build, 'a function');
  const isTwo = build.length === 2;
  const parts = await openOperator(build, isTwo, resolveTestOptions(options));
  return isTwo ? new TestTwoInputs(parts, OUTPUT) : new TestOperator(parts, OUTPUT);
}

/** @param isTwo `build` takes two streams */
export function openOperator(
  build: (...streams: DataStream<never>[]) => DataStream<unknown, unknown>,
  isTwo: boolean,
  options: ResolvedTestOptions,
): Promise<HarnessParts> {
  const names = isTwo ? ['left', 'right'] : ['input'];
  const definition = defineJob('operator', (env) => {
    const streams = names.map((name) =>
      env
        .from(new HandSource({ kind: 'input', rejectTag: undefined }))
        .uid(`${name} records`)
        .name(name)
        .withTimestamps(() => Number.NaN)
        .uid(name),
    );
    const output: unknown = build(...(streams as unknown as DataStream<never>[]));
    if (!(output instanceof DataStream)) {
      throw new HoldfastError(
        'ERR_HOLDFAST_BAD_OPTION',
        `testOperator(build) needs a function that gives the stream to look at, but it gave ${describeValue(output)}.` +
          (output instanceof ChangelogStream ? ' Of a changelog give its .asRecords().' : ''),
      );
    }
    const stream = output as DataStream<unknown, Readonly<Record<string, unknown>>>;
    stream.collect(OUTPUT);
    for (const tag of sideTagsOf(stream)) stream.sideOutput(tag).collect(tag);
  });
  return openParts(definition, options, names);
}

function sideTagsOf(stream: DataStream<unknown, unknown>): readonly string[] {
  return stream['origin'].tags;
}

/**
 * Operators with one input.
 *
 * @typeParam T records of the input
 * @typeParam O records of the output
 */
export class TestOperator<T, O> extends Harness<O> {
  /** As of a `TestInput`. */
  element(record: T, timestamp?: number): void {
    this.inputOf().element(record, timestamp);
  }

  /** As of a `TestInput`. */
  watermark(ms: number): void {
    this.inputOf().watermark(ms);
  }
}

/**
 * Operators with two inputs. Time has come as far as in the input that is further behind.
 *
 * @typeParam L records of the left input
 * @typeParam R records of the right input
 * @typeParam O records of the output
 */
export class TestTwoInputs<L, R, O> extends Harness<O> {
  readonly left: TestInput<L> = this.inputOf('left');
  readonly right: TestInput<R> = this.inputOf('right');
}
