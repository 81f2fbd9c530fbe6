/**
 * A job of the page, as it is printed, whose sources give no more records than a test allows: so where the job is when a
 * thread dies does not depend on the speed of the machine. A test writes this file beside the job.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  defineJob,
  type JobDefinition,
  type Source,
  type SourceBatch,
  type SourceReader,
  type StreamEnvironment,
} from 'holdfast';

/** No batch is larger, so that there is always a place to stop between two. */
const BATCH_RECORDS = 16;

/** How many records were given, and the position of the source itself. */
type Position = readonly [given: number, inner: unknown];

export function pacedJob(job: JobDefinition): JobDefinition {
  return defineJob(job.name, (env, args) => {
    const meter = new Int32Array(args['meter'] as SharedArrayBuffer);
    const from = <T>(source: Source<T>) => env.from(paced(source, meter));
    job.build({ from } as StreamEnvironment, args);
  });
}

/** Each split gives as many records as the meter says, from its beginning. */
function paced<T>(source: Source<T>, meter: Int32Array): Source<T> {
  return {
    ...source,
    async open(split, position, context): Promise<SourceReader<T>> {
      const [given, inner] = (position ?? [0, undefined]) as Position;
      const reader = await source.open(split, inner, context);
      const pacedReader = new PacedReader(reader, given, meter);
      // A reader that has this method is kept open at its end.
      if (reader.committed === undefined) return pacedReader;
      return Object.assign(pacedReader, {
        committed: (checkpoint: number, position: unknown) =>
          reader.committed!(checkpoint, (position as Position | undefined)?.[1]),
      });
    },
  };
}

class PacedReader<T> implements SourceReader<T> {
  readonly #reader: SourceReader<T>;
  readonly #meter: Int32Array;
  /** The reader's last one, and how many of its records were handed on before those at hand. */
  #batch: SourceBatch<T> = { records: [] };
  #taken = 0;
  /** How many are at hand. */
  #size = 0;
  /** How many the split has given before those. */
  #given: number;
  #ended = false;

  constructor(reader: SourceReader<T>, given: number, meter: Int32Array) {
    this.#reader = reader;
    this.#given = given;
    this.#meter = meter;
  }

  async poll(): Promise<SourceBatch<T> | undefined> {
    this.#given += this.#size;
    this.#taken += this.#size;
    this.#size = 0;
    if (this.#taken >= this.#batch.records.length && !this.#ended) {
      const batch = await this.#reader.poll();
      this.#ended = batch === undefined;
      this.#batch = batch ?? { records: [] };
      this.#taken = 0;
    }
    if (this.#ended) return undefined;
    const { records, rejected } = this.#batch;
    if (rejected !== undefined) throw new Error('malformed input is not paced');
    const allowed = Atomics.load(this.#meter, 0) - this.#given;
    this.#size = Math.max(0, Math.min(BATCH_RECORDS, allowed, records.length - this.#taken));
    if (this.#size === 0) await sleep(1);
    return { records: records.slice(this.#taken, this.#taken + this.#size) };
  }

  position(taken: number): Position {
    return [this.#given + taken, this.#reader.position(this.#taken + taken)];
  }

  describe(index: number): string {
    return this.#reader.describe(this.#taken + index);
  }

  close(): void | Promise<void> {
    return this.#reader.close();
  }
}
