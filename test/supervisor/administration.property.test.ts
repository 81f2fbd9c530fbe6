/**
 * A tree under random requests, failures, kills, waits and answers: whatever meets whatever, each
 * request has exactly one reply, one incarnation of a leaf lives at a time, nothing lives under what
 * has ended, and everything comes to rest.
 */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import type { ChildSpec, SupervisionStrategy } from '../../src/supervisor/child-spec.js';
import { fixedDelay } from '../../src/supervisor/restart-strategy.js';
import {
  SupervisionTree,
  type TreeChildSpec,
  type TreeEvent,
  type TreeNode,
  type TreeSpec,
} from '../../src/supervisor/supervision-tree.js';

const strategies = fc.constantFrom<SupervisionStrategy>(
  'one-for-one',
  'one-for-all',
  'rest-for-one',
);
const restarts = fc.constantFrom('permanent', 'transient', 'temporary');
const shutdowns = fc.constantFrom('infinity', 'brutal-kill', 5, 0);
const IDS = ['a', 'b', 'c', 'd'];

const leaf = fc.record({ restart: restarts, shutdown: shutdowns, significant: fc.boolean() });
const options = fc.record({
  strategy: strategies,
  intensity: fc.nat({ max: 4 }),
  backoff: fc.constantFrom(undefined, fixedDelay({ attempts: 3, delayMs: 4 })),
  autoShutdown: fc.constantFrom('never', 'any-significant', 'all-significant'),
  firstStart: fc.constantFrom('escalate', 'restart'),
  restart: restarts,
});

type Options = Omit<TreeSpec, 'id' | 'children'>;
const lawful = <T extends Omit<ChildSpec, 'id'>>(child: T, { autoShutdown }: Options): T => ({
  ...child,
  significant:
    child.significant === true && child.restart !== 'permanent' && autoShutdown !== 'never',
});

const trees: fc.Arbitrary<TreeSpec> = fc
  .tuple(options, fc.array(fc.tuple(options, fc.array(leaf, { maxLength: 3 })), { maxLength: 3 }))
  .map(([{ restart: _, ...root }, groups]) => ({
    ...(root as Options),
    id: 'r',
    children: groups.map(([{ restart, ...group }, children], at): TreeChildSpec => {
      const own = group as Options;
      const ofGroup = children.map((child, n) => ({
        ...lawful(child as Omit<ChildSpec, 'id'>, own),
        id: IDS[n]!,
      }));
      const dynamic = { ...own, strategy: 'simple-one-for-one' as const };
      return {
        ...(at === 2 ? dynamic : own),
        id: IDS[at]!,
        restart: restart as NonNullable<ChildSpec['restart']>,
        children: at === 2 ? [{ id: 'template' }] : ofGroup,
      };
    }),
  }));

const paths = fc.constantFrom(
  'r',
  ...IDS.map((id) => `r/${id}`),
  ...IDS.flatMap((group) => IDS.map((id) => `r/${group}/${id}`)),
);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      pick: fc.nat(),
      how: fc.constantFrom('well', 'well', 'well', 'badly', 'ignore'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      pick: fc.nat(),
      reason: fc.constantFrom('normal' as const, 'shutdown' as const, 'abnormal' as const),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'start-child' as const,
        'add-tree' as const,
        'add-dynamic' as const,
        'terminate-child' as const,
        'restart-child' as const,
        'delete-child' as const,
      ),
      path: paths,
      id: fc.constantFrom(...IDS),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), path: paths }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 9 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

class Stage {
  readonly tree: SupervisionTree;
  readonly alive = new Map<string, { incarnation: number; owes: 'start' | 'stop' | undefined }>();
  readonly unanswered = new Set<number>();
  now = 0;
  token = 0;
  ended = false;

  constructor(spec: TreeSpec) {
    this.tree = new SupervisionTree(spec, seededRandom(1));
  }

  send(event: TreeEvent): void {
    for (const command of this.tree.handle(event, this.now)) {
      switch (command.kind) {
        case 'start-child':
          must(!this.ended && !this.alive.has(command.path), `${command.path} starts twice`);
          this.alive.set(command.path, { incarnation: command.incarnation, owes: 'start' });
          break;
        case 'stop-child':
        case 'kill-child': {
          const child = this.alive.get(command.path);
          must(child?.incarnation === command.incarnation, `${command.path} does not live`);
          child!.owes = 'stop';
          break;
        }
        case 'reply':
          must(this.unanswered.delete(command.token as number), 'a reply to nobody');
          break;
        case 'escalated':
          for (const path of this.alive.keys()) {
            must(!path.startsWith(`${command.path}/`), `${path} is orphaned`);
          }
          break;
        case 'ended':
          must(this.alive.size === 0 && !this.ended, 'it ends with all, and once');
          this.ended = true;
          break;
        case 'restarting':
        case 'report':
          must(!this.ended, 'nothing after the end');
      }
    }
    const due = this.tree.nextDeadline();
    must(due === undefined || due > this.now, 'what is due is done');
    this.agree(this.tree.describe(this.now));
  }

  /** What the tree says of its leaves is so. */
  agree(root: TreeNode): void {
    let living = 0;
    const visit = (node: TreeNode, isUp: boolean): void => {
      const isHere = node.state !== 'down' && node.state !== 'restarting';
      must(isUp || !isHere, `${node.path} is ${node.state} under what is not there`);
      if (node.kind === 'worker' && isHere) {
        living += 1;
        must(this.alive.has(node.path), `${node.path} is ${node.state}, and dead`);
      }
      for (const child of node.children) visit(child, isHere);
    };
    visit(root, true);
    must(living === this.alive.size, 'somebody lives whom nobody knows');
  }

  answer(path: string, how: string): void {
    const { incarnation, owes } = this.alive.get(path)!;
    if (owes === 'start' && how === 'well') {
      this.alive.set(path, { incarnation, owes: undefined });
      this.send({ kind: 'child-started', path, incarnation });
      return;
    }
    if (owes === undefined) return;
    this.alive.delete(path);
    if (how === 'ignore' && owes === 'start') {
      this.send({ kind: 'start-ignored', path, incarnation });
    } else if (owes === 'start') {
      this.send({ kind: 'start-failed', path, incarnation });
    } else {
      const reason = how === 'well' ? 'shutdown' : 'abnormal';
      this.send({ kind: 'child-ended', path, reason, incarnation });
    }
  }

  perform(one: Step): void {
    const live = [...this.alive.keys()];
    switch (one.kind) {
      case 'answer':
        if (live.length > 0) this.answer(live[one.pick % live.length]!, one.how);
        return;
      case 'end': {
        const path = live[one.pick % live.length];
        if (path === undefined) return;
        const { incarnation } = this.alive.get(path)!;
        this.alive.delete(path);
        this.send({ kind: 'child-ended', path, reason: one.reason, incarnation });
        return;
      }
      case 'wait':
        this.now += one.ms;
        this.send({ kind: 'tick' });
        return;
      case 'kill':
        if (one.path.split('/').length < 3) {
          if (this.find(one.path)?.kind === 'supervisor')
            this.send({ kind: 'kill', path: one.path });
        }
        return;
      default:
        this.request(one);
    }
  }

  find(path: string, node = this.tree.describe(this.now)): TreeNode | undefined {
    if (node.path === path) return node;
    for (const child of node.children) {
      const found = this.find(path, child);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  request({ kind, path, id }: Extract<Step, { id: string }>): void {
    this.token += 1;
    const { token } = this;
    this.unanswered.add(token);
    switch (kind) {
      case 'start-child':
        this.send({ kind, token, path, spec: { id, shutdown: 5 } });
        return;
      case 'add-tree':
        this.send({
          kind: 'start-child',
          token,
          path,
          spec: { id, restart: 'transient', children: [{ id: 'a' }, { id: 'b' }] },
        });
        return;
      case 'add-dynamic':
        this.send({ kind: 'start-child', token, path, id });
        return;
      default:
        this.send({ kind, token, path });
    }
  }

  rest(): void {
    for (;;) {
      const owing = [...this.alive].find(([, { owes }]) => owes !== undefined);
      if (owing !== undefined) this.answer(owing[0], 'well');
      else if (this.tree.nextDeadline() === undefined) return;
      else {
        this.now = this.tree.nextDeadline()!;
        this.send({ kind: 'tick' });
      }
    }
  }
}

it('answers every request once, keeps the tree whole, and comes to rest', () => {
  const outcomes = { ended: 0, running: 0 };
  fc.assert(
    fc.property(trees, fc.array(step, { maxLength: 80 }), (spec, steps) => {
      const stage = new Stage(spec);
      stage.send({ kind: 'start' });
      for (const one of steps) stage.perform(one);
      stage.rest();
      expect(stage.unanswered).toEqual(new Set());
      outcomes[stage.ended ? 'ended' : 'running'] += 1;
      must(stage.ended !== stage.tree.hasStarted, 'it is over, or it runs');
      stage.send({ kind: 'stop' });
      stage.rest();
      must(stage.ended && stage.alive.size === 0, 'it stops');
      stage.request({ kind: 'restart-child', path: 'r/a', id: 'a' });
      expect(stage.unanswered).toEqual(new Set());
    }),
    { numRuns: 1_500 },
  );
  // Both ends of a history are met, or the property says less than it seems to.
  expect(outcomes.ended).toBeGreaterThan(50);
  expect(outcomes.running).toBeGreaterThan(50);
});
