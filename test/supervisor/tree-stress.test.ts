/**
 * Ten thousand leaves in a tree of three levels, a thousand failures of leaves and supervisors at
 * random moments, answers in random order, and what former incarnations still say in between.
 *
 *  S1  Exactly one incarnation of a leaf lives at a time, and commands name it.
 *  S2  Nothing lives under a supervisor that has ended: children are down before their parents.
 *  S3  A leaf starts only under supervisors that start or run: parents before children.
 *  S4  At rest every leaf lives, and so does every supervisor: nothing was orphaned or forgotten.
 */

import { expect, it } from 'vitest';
import { randomInt, seededRandom } from '../../src/base/random.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import {
  SupervisionTree,
  type TreeEvent,
  type TreeNode,
  type TreeSpec,
} from '../../src/supervisor/supervision-tree.js';
import { failureOf } from './supervisor-kit.js';

const STRATEGIES = ['one-for-one', 'one-for-all', 'rest-for-one'] as const;
const budget = { intensity: 3, periodMs: 50 };
const groups: TreeSpec[] = Array.from({ length: 10 }, (_, g) => ({
  id: `g${g}`,
  ...budget,
  strategy: STRATEGIES[g % 3]!,
  children: Array.from({ length: 10 }, (_, s) => ({
    id: `s${s}`,
    strategy: STRATEGIES[s % 3]!,
    ...(s % 2 === 0 ? budget : { backoff: fixedDelay({ attempts: 4, delayMs: 7 }) }),
    children: Array.from({ length: 100 }, (_, l) => ({ id: `l${l}`, shutdown: 20 })),
  })),
}));
const spec: TreeSpec = { id: 'r', intensity: 1_000, periodMs: 1_000_000, children: groups };
const leaves = groups.flatMap(({ id: g, children }) =>
  children.flatMap(({ id: s }) => Array.from({ length: 100 }, (_, l) => `r/${g}/${s}/l${l}`)),
);

/** Millions of checks: a matcher for each would cost more than what it checks. */
function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

class Stage {
  readonly random = seededRandom(20_250_101);
  readonly tree = new SupervisionTree(spec, seededRandom(7));
  /** Live leaves and their incarnations. */
  readonly alive = new Map<string, number>();
  readonly aliveUnder = new Map<string, number>();
  readonly last = new Map<string, number>();
  /** What waits for an answer. */
  readonly orders: { readonly kind: 'start' | 'stop'; readonly path: string }[] = [];
  now = 0;
  starts = 0;
  escalations = 0;
  ended: string | undefined;

  send(event: TreeEvent): number {
    const commands = this.tree.handle(event, this.now);
    for (const command of commands) {
      switch (command.kind) {
        case 'start-child':
          must(!this.alive.has(command.path), `two of ${command.path} live`); // S1
          must(
            command.incarnation > (this.last.get(command.path) ?? 0),
            'an incarnation comes again',
          );
          this.last.set(command.path, command.incarnation);
          this.#lives(command.path, command.incarnation);
          this.orders.push({ kind: 'start', path: command.path });
          this.starts += 1;
          break;
        case 'stop-child':
        case 'kill-child':
          must(this.alive.get(command.path) === command.incarnation, 'the dead are stopped'); // S1
          this.orders.push({ kind: 'stop', path: command.path });
          break;
        case 'escalated':
          must((this.aliveUnder.get(command.path) ?? 0) === 0, `${command.path} left orphans`); // S2
          this.escalations += 1;
          break;
        case 'restarting':
          this.#isNotOrphaned(command.path, command.children);
          break;
        case 'ended':
          expect(this.alive.size).toBe(0); // S2
          this.ended = command.reason;
          break;
        case 'report':
          break;
        case 'reply':
          throw new Error('nobody asked');
      }
    }
    return commands.length;
  }

  /** The one that failed is a supervisor or a leaf: in either case nothing of it lives. */
  #isNotOrphaned(path: string, children: readonly string[]): void {
    const dead = children.map((id) => `${path}/${id}`);
    const hasDead = dead.some((child) => (this.aliveUnder.get(child) ?? 0) === 0);
    expect(hasDead).toBe(true);
  }

  #lives(path: string, incarnation: number): void {
    this.alive.set(path, incarnation);
    this.#count(path, 1);
  }

  #dies(path: string): void {
    this.alive.delete(path);
    this.#count(path, -1);
  }

  #count(path: string, by: number): void {
    for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
      this.aliveUnder.set(at, (this.aliveUnder.get(at) ?? 0) + by);
    }
  }

  fail(path: string): void {
    const incarnation = this.alive.get(path);
    if (incarnation === undefined) return;
    this.#dies(path);
    const failure = failureOf('at random');
    this.send({ kind: 'child-ended', path, reason: 'abnormal', failure, incarnation });
  }

  /** Answers one order of those that wait, in any order of theirs. */
  answer(): void {
    const at = randomInt(this.random, this.orders.length);
    const order = this.orders[at]!;
    this.orders[at] = this.orders.at(-1)!;
    this.orders.pop();
    const { path } = order;
    const incarnation = this.alive.get(path);
    if (incarnation === undefined) return; // it died before it could answer
    if (order.kind === 'start') {
      this.send({ kind: 'child-started', path, incarnation });
    } else {
      this.#dies(path);
      this.send({ kind: 'child-ended', path, reason: 'shutdown', incarnation });
      const late = { kind: 'child-ended', path, reason: 'abnormal', incarnation } as const;
      if (this.random.next() < 0.1) expect(this.send(late)).toBe(0); // a zombie
    }
  }

  pass(ms: number): void {
    this.now += ms;
    this.send({ kind: 'tick' });
  }

  rest(): void {
    while (this.orders.length > 0 || this.tree.nextDeadline() !== undefined) {
      while (this.orders.length > 0) this.answer();
      const due = this.tree.nextDeadline();
      if (due !== undefined) this.pass(Math.max(0, due - this.now));
    }
  }

  check(node: TreeNode = this.tree.describe(this.now), isUp = true): void {
    const { path, state, kind, children } = node;
    const living = this.aliveUnder.get(path) ?? 0;
    const isHere = state !== 'down' && state !== 'restarting';
    must(isHere || living === 0, `${path} is ${state}, and ${living} leaves live under it`); // S2
    must(isUp || !isHere, `${path} is ${state} under what is not there`); // S3
    must(kind === 'supervisor' || !isHere || living === 1, `${path} is ${state}, and dead`); // S1
    for (const child of children) this.check(child, isHere);
  }
}

it('10 000 leaves, 1 000 random failures: no orphan, one incarnation each, order kept', () => {
  const stage = new Stage();
  const { random } = stage;
  stage.send({ kind: 'start' });
  stage.rest();
  expect(stage.starts).toBe(10_000);
  for (let failures = 0; failures < 1_000; failures += 1) {
    const roll = random.next();
    const path = leaves[randomInt(random, leaves.length)]!;
    if (roll < 0.9) stage.fail(path);
    else {
      const levels = path.split('/').slice(0, roll < 0.96 ? 3 : 2);
      stage.send({ kind: 'kill', path: levels.join('/'), failure: failureOf('killed') });
    }
    // Some failures meet what the former ones have caused.
    const answers = randomInt(random, 40);
    for (let n = 0; n < answers && stage.orders.length > 0; n += 1) stage.answer();
    stage.pass(randomInt(random, 12));
    if (failures % 20 === 0) stage.check();
    if (roll < 0.2) {
      stage.rest();
      expect(stage.alive.size).toBe(10_000); // S4
    }
  }
  stage.rest();
  stage.check();
  expect(stage.alive.size).toBe(10_000); // S4
  expect(stage.escalations).toBeGreaterThan(0);
  stage.send({ kind: 'stop' });
  stage.rest();
  expect(stage.ended).toBe('shutdown');
  expect(stage.starts).toBeGreaterThan(11_000);
});

it('10 000 leaves start and stop in a number of commands that grows with them, not faster', () => {
  const stage = new Stage();
  let commands = stage.send({ kind: 'start' });
  while (stage.orders.length > 0) {
    const { path } = stage.orders.pop()!;
    commands += stage.send({ kind: 'child-started', path });
  }
  expect(commands).toBe(10_000);
  stage.send({ kind: 'stop' });
  stage.rest();
  expect(stage.ended).toBe('shutdown');
});
