/** Every operator keeps the contract of operators; every operator is tried; and what breaks the contract is found. */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DataStream } from '../../src/index.js';
import * as holdfast from '../../src/index.js';
import type {
  Capture,
  Operator,
  OperatorContext,
  RestoredSection,
} from '../../src/stream/operator.js';
import { type OperatorConformanceOptions, operatorConformance } from '../../src/testing/index.js';
import { DRAWS_NOTHING, ENTRIES, TRIED_IN_JOBS } from './operator-entries.js';

describe.each(ENTRIES)('$name', ({ options }) => {
  test.each(operatorConformance(options))('$clause: $name', async ({ run }) => {
    await run();
  });
});

describe('the kit finds', () => {
  const script = [
    { element: 'a', at: 1 },
    { element: 'b', at: 2 },
    { watermark: 1 },
    { element: 'a', at: 3 },
    { element: 'a', at: 4 },
    { element: 'c', at: 5 },
    { watermark: 4 },
    { element: 'b', at: 6 },
  ];

  /** The clauses that the operators break, each with what it tells. */
  async function broken(
    build: (texts: DataStream<string>) => DataStream<unknown, unknown>,
    more: Partial<OperatorConformanceOptions<string>> = {},
  ): Promise<Readonly<Record<string, string>>> {
    const told: Record<string, string> = {};
    for (const { clause, run } of operatorConformance({ build, script, ...more })) {
      await run().catch((error: { code: string; message: string; details: object }) => {
        expect(error).toMatchObject({
          code: 'ERR_HOLDFAST_OPERATOR_CONTRACT',
          details: { clause },
        });
        expect(error.message).toMatch(new RegExp(`^clause '${clause}': `));
        told[clause] = error.message;
      });
    }
    return told;
  }

  /** An operator of our own; it passes on what it does not override. */
  abstract class Passing implements Operator {
    protected context!: OperatorContext;

    open(context: OperatorContext, _restored: readonly RestoredSection[]): void {
      this.context = context;
    }

    onElement(record: unknown, timestamp: number, _group: number, behind: number): void {
      this.context.output.onElement(record, timestamp, 0, behind);
    }

    onWatermark(timeMs: number): void {
      this.context.output.onWatermark(timeMs);
    }
  }

  const made = (create: () => Operator) => (texts: DataStream<string>) =>
    texts.keyBy((text) => text)['operator']<unknown>('made', { stateful: true, create });

  test('nothing in what is right', async () => {
    expect(await broken((texts) => texts.keyBy((text) => text).count())).toEqual({});
    expect(await broken(made(() => new (class extends Passing {})()))).toEqual({});
  });

  test('what a callback keeps outside of state', async () => {
    const told = await broken((texts) => {
      const seen = new Map<string, number>();
      return texts.map((text) => {
        seen.set(text, (seen.get(text) ?? 0) + 1);
        return `${text}${seen.get(text)}`;
      });
    });
    expect(Object.keys(told)).toEqual([
      'restore',
      'restore-changes',
      'snapshot-in-passing',
      'rescale',
    ]);
    expect(told['restore']).toBe(
      "clause 'restore': behind item 4, { element: 'a', at: 3 } came out: [ { record: 'a1', timestamp: 3 } ]; " +
        "plainly it is: [ { record: 'a2', timestamp: 3 } ].",
    );
  });

  test('an answer that is another one each time', async () => {
    let calls = 0;
    const told = await broken((texts) =>
      texts.map((text) => {
        calls += 1;
        return `${text}${calls}`;
      }),
    );
    expect(told).toHaveProperty('answers');
  });

  test('a script that tries nothing, and answers that are not as expected', async () => {
    const none = await broken((texts) => texts.filter(() => false));
    expect(none['answers']).toMatch(/nothing came out/);
    const other = await broken((texts) => texts, { expected: ['a'] });
    expect(Object.keys(other)).toEqual(['answers']);
  });

  test('late records that are lost', async () => {
    const told = await broken((texts) => texts, { late: 2 });
    expect(told).toEqual({
      late: "clause 'late': 2 records of the script are late, and 0 were found to be.",
    });
  });

  test('output that is lost when it is full', async () => {
    class Losing extends Passing {
      override onElement(record: unknown, timestamp: number, group: number, behind: number): void {
        super.onElement(record, timestamp, group, behind);
        if (!this.context.turn.pause) super.onElement(record, timestamp, group, behind);
      }
    }
    expect(Object.keys(await broken(made(() => new Losing())))).toEqual([
      'restore', // every other life has a full output
      'capacity-one',
    ]);
  });

  test('an answer to a watermark that comes again', async () => {
    class Chatty extends Passing {
      override onWatermark(timeMs: number): void {
        this.context.output.onElement(timeMs, timeMs, 0, Number.NEGATIVE_INFINITY);
        super.onWatermark(timeMs);
      }
    }
    const told = await broken(made(() => new Chatty()));
    expect(told).toHaveProperty('watermark-repeats');
  });

  test('state that is restored on every instance', async () => {
    const told = await broken(
      made(
        () =>
          new (class extends Passing {
            #n = 0;
            override open(context: OperatorContext, restored: readonly RestoredSection[]): void {
              super.open(context, restored);
              for (const { bytes } of restored) this.#n += bytes[0]!;
            }
            override onElement(): void {
              this.#n += 1;
            }
            override onWatermark(timeMs: number): void {
              if (timeMs === Number.POSITIVE_INFINITY) {
                this.context.output.onElement(this.#n, 0, 0, Number.NEGATIVE_INFINITY);
              }
              super.onWatermark(timeMs);
            }
            capture(): Capture {
              const chunks = [Uint8Array.of(this.#n)];
              return {
                step: () => true,
                take: () => ({ sections: [{ name: 'n', chunks }] }),
                abort: () => {},
              };
            }
          })(),
      ),
    );
    expect(Object.keys(told)).toEqual(['instances', 'rescale']);
  });
});

describe('the entries', () => {
  const api = new URL('../../src/stream/api/', import.meta.url);
  const sources = readdirSync(api).map((file) => readFileSync(new URL(file, api), 'utf8'));

  /** `CLASS.method` of all streams, as they are written. */
  const methods = sources.flatMap((text) =>
    [
      ...text.matchAll(/^export (?:class|interface) (\w+(?:Streams?|Changelog))\b[\s\S]*?^}/gm),
    ].flatMap(([body, name]) =>
      [...body.matchAll(/^ {2}(?:override )?([a-z]\w*)(?:<|\()/gm)]
        .map(([, method]) => method!)
        .filter((method) => method !== 'constructor')
        .map((method) => `${name}.${method}`),
    ),
  );
  /** Functions of the front door that make windows. */
  const windows = sources
    .flatMap((text) => [
      ...text.matchAll(/^export function (\w+)\([\s\S]*?\): \w*Window(?:Definition)? /gm),
    ])
    .map(([, name]) => name!)
    .filter((name) => name in holdfast);
  const there = new Set([...methods, ...windows]);
  const covered = new Set(ENTRIES.flatMap(({ covers }) => covers));

  test('cover every operator and window that a stream can be given', () => {
    expect(there.size).toBeGreaterThan(25);
    const missing = [...there].filter(
      (one) => !covered.has(one) && ![...DRAWS_NOTHING, ...TRIED_IN_JOBS].includes(one),
    );
    const help =
      'These draw an operator that no entry of test/testing/operator-entries.ts tries. Add one to ENTRIES, as the ' +
      `head of that file says: one('NAME', ['${missing[0]}'], (rows) => rows…). What draws nothing goes to DRAWS_NOTHING.`;
    expect(missing, help).toEqual([]);
  });

  test('name nothing that is not there, and each has a name of its own', () => {
    expect([...covered, ...DRAWS_NOTHING].filter((one) => !there.has(one))).toEqual([]);
    expect(new Set(ENTRIES.map(({ name }) => name)).size).toBe(ENTRIES.length);
  });
});
