/** A tree whose leaves answer when the test says so; commands as short text to read tables by. */

import { expect } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import {
  SupervisionTree,
  type TreeCommand,
  type TreeEvent,
  type TreeNode,
  type TreeSpec,
} from '../../src/supervisor/supervision-tree.js';
import { failureOf, resultText } from './supervisor-kit.js';

export function treeText(command: TreeCommand): string {
  switch (command.kind) {
    case 'start-child':
      return command.attempt === 0
        ? `start ${command.path}`
        : `start ${command.path} #${command.attempt}`;
    case 'stop-child':
      return `stop ${command.path}`;
    case 'kill-child':
      return `kill ${command.path}`;
    case 'restarting':
      return `restarting ${command.path}: ${command.children.join(' ')} #${command.attempt} in ${command.delayMs}: ${command.failure.message}`;
    case 'escalated':
      return `escalated ${command.path} after ${command.attempts}: ${command.failure.message}`;
    case 'report':
      return `${command.context} ${command.path}: ${command.failure.message}`;
    case 'reply':
      return `reply ${command.token}: ${resultText(command.result)}`;
    case 'ended':
      return command.reason === 'failed'
        ? `ended failed after ${command.attempts}: ${command.failure.message}`
        : `ended ${command.reason}`;
  }
}

export class TreeBench {
  readonly tree: SupervisionTree;
  readonly incarnations = new Map<string, number>();
  readonly reports: string[] = [];
  now = 0;

  constructor(spec: TreeSpec) {
    this.tree = new SupervisionTree(spec, seededRandom(1));
  }

  send(event: TreeEvent): string[] {
    const told: string[] = [];
    for (const command of this.tree.handle(event, this.now)) {
      if (command.kind === 'start-child') this.incarnations.set(command.path, command.incarnation);
      (command.kind === 'report' ? this.reports : told).push(treeText(command));
    }
    return told;
  }

  at(now: number): this {
    this.now = now;
    return this;
  }

  tick = () => this.send({ kind: 'tick' });
  stop = () => this.send({ kind: 'stop' });
  up = (path: string) => this.send({ kind: 'child-started', path });
  finish = (path: string) => this.send({ kind: 'finish', path });
  kill = (path: string) => this.send({ kind: 'kill', path, failure: failureOf('killed') });

  fails(path: string, why = path): string[] {
    return this.send({ kind: 'child-ended', path, reason: 'abnormal', failure: failureOf(why) });
  }

  ends(path: string, reason: 'normal' | 'shutdown' | 'killed' = 'shutdown'): string[] {
    const incarnation = this.incarnations.get(path)!;
    return this.send({ kind: 'child-ended', path, reason, incarnation });
  }

  /** Every leaf that is told something answers at once, until none is. */
  rest(first: readonly string[]): string[] {
    const all = [...first];
    for (let at = 0; at < all.length; at += 1) {
      const [verb, path] = all[at]!.split(' ') as [string, string];
      if (verb === 'start') all.push(...this.up(path));
      if (verb === 'stop' || verb === 'kill') all.push(...this.ends(path));
    }
    return all;
  }

  /** `path:state` of all, parents before children. */
  states(node: TreeNode = this.tree.describe(this.now)): string[] {
    const below = node.children.flatMap((child) => this.states(child));
    return [`${node.path}:${node.state}`, ...below];
  }

  node(path: string): TreeNode {
    let node = this.tree.describe(this.now);
    for (const id of path.split('/').slice(1)) {
      node = node.children.find((child) => child.id === id)!;
    }
    expect(node.path).toBe(path);
    return node;
  }

  static running(spec: TreeSpec): TreeBench {
    const bench = new TreeBench(spec);
    bench.rest(bench.send({ kind: 'start' }));
    expect(bench.tree.hasStarted).toBe(true);
    return bench;
  }
}
