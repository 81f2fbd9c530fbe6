/** What a task and a driver do with sinks, for tests. */

import type { SinkContext, SinkPrepared, SinkWriter } from '../../src/stream/sink.js';

export interface TestContext extends SinkContext {
  readonly printed: string[];
  readonly failures: unknown[];
  wakes: number;
}

let incarnations = 0;

export function sinkContext(given: Partial<SinkContext> = {}): TestContext {
  incarnations += 1;
  const printed: string[] = [];
  const failures: unknown[] = [];
  const context: TestContext = {
    run: 'run-1',
    operator: 'sink',
    instance: 0,
    parallelism: 1,
    epoch: 1,
    incarnation: incarnations,
    restored: [],
    printed,
    failures,
    wakes: 0,
    wake: () => {
      context.wakes += 1;
    },
    print: (line) => printed.push(line),
    fail: (error) => failures.push(error),
    ...given,
  };
  return context;
}

/** The state of a cut as the next start gets it. */
export function stateBytes(prepared: SinkPrepared | undefined): Uint8Array {
  return Buffer.concat(prepared?.state?.map((chunk) => new Uint8Array(chunk)) ?? []);
}

export async function prepare(
  writer: SinkWriter<never>,
  checkpoint: number,
): Promise<SinkPrepared | undefined> {
  return await writer.prepare!(checkpoint);
}
