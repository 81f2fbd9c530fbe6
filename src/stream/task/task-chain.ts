/**
 * Builds the chain of operators that a task runs: a tree of direct calls whose leaves are routers
 * and sinks.
 */

import { assert } from '../../base/assert.js';
import type { GraphNode } from '../graph/graph.js';
import type { PlanEdge } from '../graph/plan.js';
import type {
  Operator,
  OperatorContext,
  OperatorTime,
  Port,
  Receiver,
  TaskSplits,
} from '../operator.js';
import { type ChainStep, compileChain, type StraightChain } from './chain-code.js';
import { fanOut, mainOutput } from './fan-out.js';
import { GuardedOperator } from './guarded-operator.js';
import { LocatedPort, LocatedReceiver, locateFiring } from './located-error.js';
import {
  BroadcastRouter,
  ForwardRouter,
  HashRouter,
  RebalanceRouter,
  type Router,
} from './router.js';
import { SinkTail } from './sink-tail.js';
import type { TaskOptions } from './task-types.js';

/** What the chain needs of its task. */
export interface ChainHooks {
  /** A record was written to a sink. */
  readonly written: () => void;
  readonly count: (counter: string, by: number) => void;
  readonly fail: (operator: string, error: unknown) => void;
  /** Undefined in a task without a source. */
  readonly splits: TaskSplits | undefined;
  /** See OperatorContext. */
  readonly timed: (operator: string, times: OperatorTime) => void;
  readonly wasAsked: (split: number, sinceMs: number) => boolean;
}

export interface ChainOperator {
  readonly node: GraphNode;
  readonly operator: Operator;
  readonly context: OperatorContext;
}

export interface Chain {
  /** Upstream before downstream; the source is no operator, and not among them. */
  readonly operators: readonly ChainOperator[];
  readonly sinks: readonly { readonly id: string; readonly tail: SinkTail }[];
  readonly routers: readonly Router[];
  /** By the id of an operator: the receiver that stands before it in the chain. */
  readonly receivers: ReadonlyMap<string, Receiver>;
  /** Where the task's input goes: the first operator, or what the source emits to. */
  readonly head: Receiver;
  /** Where records of the task's input go, by port. */
  readonly ports: readonly Port[];
  /** Receives a source's rejected input; undefined when nobody reads that side output. */
  readonly rejected: Receiver | undefined;
}

export function buildChain(options: TaskOptions, hooks: ChainHooks): Chain {
  return new ChainBuilder(options, hooks).build();
}

interface Outputs {
  readonly main: Receiver;
  readonly sides: ReadonlyMap<string, Receiver>;
}

class ChainBuilder {
  readonly #options: TaskOptions;
  readonly #hooks: ChainHooks;
  readonly #nodes: readonly GraphNode[];
  readonly #routers: { readonly edge: PlanEdge; readonly router: Router }[];
  readonly #receivers = new Map<number, Receiver>();
  /** By receiver: the straight piece of the chain that begins there. */
  readonly #straight = new Map<Receiver, StraightChain>();
  /** By receiver: what does the same in one function. */
  readonly #compiled = new Map<Receiver, Receiver>();
  readonly #operators: ChainOperator[] = [];
  readonly #sinks: { id: string; tail: SinkTail }[] = [];

  constructor(options: TaskOptions, hooks: ChainHooks) {
    this.#options = options;
    this.#hooks = hooks;
    const { graph, plan } = options;
    this.#nodes = plan.vertices[options.vertex]!.nodes.map((node) => graph.nodes[node]!);
    this.#routers = options.outputs.map((output) => {
      const edge = plan.edges[output.edge]!;
      return { edge, router: this.#router(edge, output.channels) };
    });
  }

  build(): Chain {
    let head: Receiver | undefined;
    let rejected: Receiver | undefined;
    // Downstream first: an operator's outputs exist before it does.
    for (const node of [...this.#nodes].reverse()) {
      if (node.kind === 'source') {
        const outputs = this.#outputsOf(node, false);
        head = outputs.main;
        const tag = node.source?.rejectTag;
        rejected = tag === undefined ? undefined : outputs.sides.get(tag);
      } else {
        head = this.#entry(this.#add(node));
      }
    }
    assert(head !== undefined, 'a chain has at least one node');
    return {
      operators: this.#operators,
      sinks: this.#sinks,
      routers: this.#routers.map(({ router }) => router),
      receivers: new Map(
        this.#nodes.flatMap(({ id, index }) => {
          const receiver = this.#receivers.get(index);
          return receiver === undefined ? [] : [[id, receiver] as const];
        }),
      ),
      head,
      ports: this.#portsOf(this.#nodes[0]!) ?? [head],
      rejected,
    };
  }

  #add(node: GraphNode): Receiver {
    const bare = node.kind === 'sink' ? this.#sink(node) : node.create?.();
    assert(bare !== undefined, `node '${node.id}' has no operator`);
    const { onError } = node;
    const operator: Operator =
      onError === 'fail'
        ? bare
        : new GuardedOperator(bare, onError === 'drop' ? undefined : onError.sideOutput);
    const receiver = new LocatedReceiver(operator, node.id);
    const { inline } = operator;
    const outputs = this.#outputsOf(node, inline !== undefined);
    const step: ChainStep = { id: node.id, operator, inline };
    this.#straight.set(receiver, straight(step, outputs.main, this.#straight));
    this.#receivers.set(node.index, receiver);
    this.#operators.unshift({ node, operator, context: this.#context(node, outputs) });
    return receiver;
  }

  /** Undefined: the node does not tell its inputs apart. */
  #portsOf({ id }: GraphNode): readonly Port[] | undefined {
    const found = this.#operators.find(({ node }) => node.id === id);
    return found?.operator.ports?.map((port) => new LocatedPort(port, id));
  }

  /** What stands before the operator for whoever calls it from outside of a straight piece. */
  #entry(receiver: Receiver): Receiver {
    const chain = this.#straight.get(receiver);
    if (chain === undefined) return receiver;
    const compiled = this.#compiled.get(receiver) ?? compileChain(chain) ?? receiver;
    this.#compiled.set(receiver, compiled);
    return compiled;
  }

  /**
   * By tag, the readers of the node's outputs: operators of this chain, and edges to other tasks.
   * @param isInline the operator that it stands for goes on in the same function as the node
   */
  #outputsOf(node: GraphNode, isInline: boolean): Outputs {
    const byTag = new Map<string | undefined, Receiver[]>();
    const add = (tag: string | undefined, receiver: Receiver): void => {
      const receivers = byTag.get(tag);
      if (receivers === undefined) byTag.set(tag, [receiver]);
      else receivers.push(receiver);
    };
    for (const consumer of this.#nodes) {
      const receiver = this.#receivers.get(consumer.index);
      if (receiver === undefined || consumer === this.#nodes[0]) continue;
      for (const input of consumer.inputs) if (input.from === node.index) add(input.tag, receiver);
    }
    for (const { edge, router } of this.#routers) {
      if (edge.fromNode === node.index) add(edge.tag, router);
    }
    const sides = new Map<string, Receiver>();
    const { records } = this.#options;
    const entries = (tag: string | undefined): readonly Receiver[] =>
      (byTag.get(tag) ?? []).map((receiver) => this.#entry(receiver));
    for (const tag of byTag.keys()) {
      if (tag !== undefined) sides.set(tag, fanOut(entries(tag), records));
    }
    const [only, ...others] = byTag.get(undefined) ?? [];
    const isStraight = isInline && only !== undefined && others.length === 0 && sides.size === 0;
    const main = isStraight ? only : fanOut(entries(undefined), records);
    return { main: mainOutput(main, [...sides.values()]), sides };
  }

  #context(node: GraphNode, outputs: Outputs): OperatorContext {
    const { plan, instance, gate, callbacks } = this.#options;
    const { parallelism } = plan.vertices[this.#options.vertex]!;
    const table = plan.tables[parallelism];
    const former = this.#options.restored.find(
      ({ operator, formerOwners }) => operator === node.id && formerOwners !== undefined,
    )?.formerOwners;
    return {
      operator: node.id,
      instance,
      parallelism,
      keyGroups: plan.keyGroups,
      incremental: this.#options.incremental,
      maxConcurrent: this.#options.maxConcurrent,
      records: this.#options.records,
      clock: this.#options.clock,
      ownsGroup: (group) => table === undefined || table[group] === instance,
      formerOwner: (group) => former?.[group - 1],
      turn: gate,
      module: node.module === undefined ? undefined : plan.modules?.[node.module],
      output: outputs.main,
      side: (tag) => outputs.sides.get(tag),
      alive: () => gate.tick(),
      count: this.#hooks.count,
      reject: (what, _timestamp, error) => {
        throw locateFiring(error, node.id, what);
      },
      pause: () => {
        gate.pause = true;
      },
      wake: () => callbacks.wake(),
      fail: (error) => this.#hooks.fail(node.id, error),
      splits: this.#hooks.splits,
      timed: this.#hooks.timed,
      wasAsked: this.#hooks.wasAsked,
    };
  }

  #sink(node: GraphNode): SinkTail {
    const { plan, gate, run, instance, epoch, incarnation, callbacks } = this.#options;
    const tail = new SinkTail({
      sink: node.sink!,
      gate,
      run,
      operator: node.id,
      instance,
      parallelism: plan.vertices[this.#options.vertex]!.parallelism,
      epoch,
      incarnation,
      prepareTimeoutMs: this.#options.prepareTimeoutMs,
      wake: () => callbacks.wake(),
      print: (line) => callbacks.print(line),
      fail: (error) => this.#hooks.fail(node.id, error),
      written: this.#hooks.written,
    });
    this.#sinks.unshift({ id: node.id, tail });
    return tail;
  }

  #router(edge: PlanEdge, channels: TaskOptions['outputs'][number]['channels']): Router {
    const { graph, plan, instance } = this.#options;
    const producer = graph.nodes[edge.fromNode]!.id;
    switch (edge.partition) {
      case 'forward':
        return new ForwardRouter(producer, channels);
      case 'rebalance':
        return new RebalanceRouter(producer, channels, instance);
      case 'broadcast':
        return new BroadcastRouter(producer, channels);
      case 'hash': {
        const consumer = graph.nodes[edge.toNode]!;
        const key = consumer.inputs[edge.toInput]?.key as
          | ((record: unknown) => unknown)
          | undefined;
        const table = plan.tables[plan.vertices[edge.toVertex]!.parallelism];
        assert(key !== undefined && table !== undefined, `edge ${edge.index} has no key or table`);
        return new HashRouter({
          producer,
          channels,
          table,
          keyGroups: plan.keyGroups,
          key,
          consumer: consumer.id,
          putsAside: consumer.onError !== 'fail',
        });
      }
    }
  }
}

/** The straight piece that begins with an operator, when its output is `main`. */
function straight(
  step: ChainStep,
  main: Receiver,
  known: ReadonlyMap<Receiver, StraightChain>,
): StraightChain {
  if (step.inline === undefined) return { steps: [step], next: undefined };
  const rest = known.get(main) ?? { steps: [], next: main };
  return { steps: [step, ...rest.steps], next: rest.next };
}
