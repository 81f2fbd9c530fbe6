/**
 * Plays a script to an operator, and notes what comes out behind each item: plainly, or with something done to the
 * operator between every two of them.
 */

import { Harness, type HarnessParts } from './harness.js';
import type { Emitted } from './kept-sink.js';
import type { OperatorConformanceOptions, ScriptItem } from './operator-script.js';
import { openOperator } from './test-operator.js';
import { resolveTestOptions, type Strictness } from './test-options.js';
import type { TestSnapshot } from './test-snapshot.js';

/** Few, so that each has several keys. */
const KEY_GROUPS = 16;

export type Options = OperatorConformanceOptions<never, never, unknown>;
export type Item = ScriptItem<unknown>;
export const INPUTS = ['left', 'right'] as const;

/** What came out behind one item, by the sink's name. */
export type Step = ReadonlyMap<string, readonly Emitted<unknown>[]>;

/** One life of the operator: from its start, or a snapshot, to the next. */
export class Life extends Harness<unknown> {
  /** What came out between the last item and the last snapshot. */
  atCut: Step = new Map();
  readonly #parts: HarnessParts;
  readonly #isTwo: boolean;

  static async open(
    { build }: Options,
    given: Partial<Strictness> & { parallelism?: number; restore?: TestSnapshot | undefined } = {},
  ): Promise<Life> {
    const { isStingy = false, incremental = false, parallelism, restore } = given;
    const isTwo = build.length === 2;
    const options = resolveTestOptions(
      { parallelism, restore, keyGroups: KEY_GROUPS },
      { isStingy, incremental },
    );
    return new Life(
      await openOperator(build as Parameters<typeof openOperator>[0], isTwo, options),
      isTwo,
    );
  }

  private constructor(parts: HarnessParts, isTwo: boolean) {
    super(parts);
    this.#parts = parts;
    this.#isTwo = isTwo;
  }

  /** As of a harness; `atCut` is then what came out up to the cut. */
  override async snapshot(): Promise<TestSnapshot> {
    const snapshot = super.snapshot();
    this.atCut = this.step();
    return await snapshot;
  }

  /** Item number `at` happens; behind the last one, the end. */
  async play(script: readonly Item[], at: number): Promise<Step> {
    const item = script[at];
    if (item === undefined) {
      await this.end();
    } else if ('advance' in item) {
      this.clock.advance(item.advance);
    } else if ('element' in item) {
      this.#inputOf(item.to).element(item.element, item.at);
    } else {
      for (const name of item.to === undefined ? this.#names : [item.to]) {
        this.#inputOf(name).watermark(item.watermark);
      }
    }
    return this.step();
  }

  /** What came out since it was asked last. */
  step(): Step {
    return new Map(
      this.#parts.hand.outputs.map(
        ({ node, sink }) => [node.sink?.collectName ?? node.id, sink.take()] as const,
      ),
    );
  }

  /** The time of each input is said once more, and so is one that lies behind it. */
  repeatWatermarks(): void {
    const { hand, tasks } = this.#parts;
    const times = hand.inputs.flatMap((input) => input.times);
    const newest = times.reduce((a, b) => (b.timeMs > a.timeMs ? b : a));
    // The one that is further may fall idle without making time go on.
    newest.blinks += 1;
    tasks.run();
    for (const name of this.#names) {
      if (newest.timeMs > Number.NEGATIVE_INFINITY) this.#inputOf(name).watermark(-1e12);
    }
  }

  get #names(): readonly ('left' | 'right' | undefined)[] {
    return this.#isTwo ? INPUTS : [undefined];
  }

  #inputOf(name: 'left' | 'right' | undefined) {
    return this.inputOf(this.#isTwo ? `${name ?? 'left'} records` : undefined);
  }
}

/** Several steps as one. */
export function joined(steps: readonly Step[]): Step {
  const all = new Map<string, readonly Emitted<unknown>[]>();
  for (const step of steps) {
    for (const [sink, rows] of step) all.set(sink, [...(all.get(sink) ?? []), ...rows]);
  }
  return all;
}

/** What a run of the script has come to. */
export interface Trace {
  /** By item; the last is the end. */
  readonly steps: readonly Step[];
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * @param between what is done behind each item but the end: it gives the operator that goes on
 */
export async function played(
  options: Options,
  life: Life,
  between: (life: Life, at: number) => Promise<Life> = async (same) => same,
): Promise<Trace> {
  const script = options.script as readonly Item[];
  const steps: Step[] = [];
  let current = life;
  for (let at = 0; at <= script.length; at += 1) {
    steps.push(await current.play(script, at));
    if (at === script.length) break;
    const next = await between(current, at);
    if (next === current) continue;
    // What an operator that waits emits from then on comes from the next as well.
    steps[at] = joined([steps[at]!, current.atCut]);
    await current.close();
    current = next;
  }
  const { counters } = current;
  await current.close();
  return { steps, counters };
}
