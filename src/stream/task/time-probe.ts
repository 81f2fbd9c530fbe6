/**
 * Finds out with which event time a split begins, without emitting anything. It takes records through the functions
 * between the source and a `withTimestamps`, in operators of its own whose output goes nowhere.
 *
 * The functions get copies of the records, since they may change what they get, and they are called again when the
 * records are read. A copy is equal to its record, or there is none: a copy that has lost a class might get another
 * time. An error that a function throws here is no failure: it comes again when the record is read.
 */

import { NOT_BEHIND } from '../../channels/element.js';
import { checkValue, copyValue } from '../../codec/value-codec.js';
import type { Graph, GraphNode } from '../graph/graph.js';
import type { Operator, OperatorContext, Receiver } from '../operator.js';
import type { SourceBatch } from '../source.js';

/** Number of a batch's records that are looked at. Where a filter drops all of these, the split has to be read. */
const RECORDS_MAX = 256;

class Found implements Receiver {
  readonly turn = { pause: false };
  timeMs: number | undefined;

  onElement(_record: unknown, timestamp: number): void {
    this.timeMs ??= timestamp;
    this.turn.pause = true;
  }

  onWatermark(): void {}
}

type ProbeContext = Pick<OperatorContext, 'instance' | 'parallelism' | 'keyGroups' | 'alive'>;

export class TimeProbe {
  /** The operators from the source's consumer to the one that gives timestamps. */
  readonly #path: readonly GraphNode[];
  readonly #context: ProbeContext;

  private constructor(path: readonly GraphNode[], context: ProbeContext) {
    this.#path = path;
    this.#context = context;
  }

  /** Undefined when the operator does not read the source's own records: a side output of it, say. */
  static of(graph: Graph, operator: string, context: ProbeContext): TimeProbe | undefined {
    const path: GraphNode[] = [];
    let node = graph.nodes.find(({ id }) => id === operator);
    while (node !== undefined && node.kind === 'operator') {
      path.unshift(node);
      const [input, ...others] = node.inputs;
      if (input === undefined || others.length > 0 || input.tag !== undefined) return undefined;
      node = graph.nodes[input.from];
    }
    return node?.kind === 'source' ? new TimeProbe(path, context) : undefined;
  }

  /** The time of the first record that gets one; undefined when none does, or it cannot be told. */
  firstTime(batch: SourceBatch<unknown>): number | undefined {
    const found = new Found();
    const operators: Operator[] = [];
    try {
      let output: Receiver = found;
      for (const node of [...this.#path].reverse()) {
        const operator = node.create!();
        operator.open(this.#contextOf(node, output, found), []);
        operators.push(operator);
        output = operator;
      }
      this.#feed(batch, output, found);
      return found.timeMs;
    } catch {
      return found.timeMs;
    } finally {
      for (const operator of operators) closeQuietly(operator);
    }
  }

  #feed({ records, timestamps, rejected }: SourceBatch<unknown>, to: Receiver, found: Found): void {
    for (let i = 0; i < Math.min(records.length, RECORDS_MAX); i += 1) {
      if (rejected?.includes(i) === true) continue;
      const record = records[i];
      checkValue(record, 'record');
      to.onElement(copyValue(record), timestamps?.[i] ?? Number.NaN, 0, NOT_BEHIND);
      if (found.timeMs !== undefined) return;
    }
  }

  #contextOf(node: GraphNode, output: Receiver, found: Found): OperatorContext {
    return {
      ...this.#context,
      operator: node.id,
      ownsGroup: () => true,
      turn: found.turn,
      output,
      side: () => undefined,
      count: () => {},
      pause: () => {},
      wake: () => {},
      fail: () => {},
    };
  }
}

/** Closing may run a generator's `finally`, which may throw. */
function closeQuietly(operator: Operator): void {
  try {
    void Promise.resolve(operator.close?.()).catch(() => {});
  } catch {
    // What an operator of the probe throws at its close matters to nobody, as said at the file's head.
  }
}
