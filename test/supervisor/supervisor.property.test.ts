/** A performer that answers in any order, fails when it likes, and repeats itself; checked per step. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { exponentialBackoff } from '../../src/supervisor/restart-strategy.js';
import {
  type SupervisionStrategy,
  Supervisor,
  type SupervisorCommand,
  type SupervisorEvent,
} from '../../src/supervisor/supervisor.js';

type Step =
  | { readonly kind: 'answer' | 'fail' | 'late-shutdown' | 'normal'; readonly pick: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'progress' };

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('answer' as const), pick: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('fail' as const), pick: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('late-shutdown' as const, 'normal' as const),
        pick: fc.nat(),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 40 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'progress' as const }) },
  ),
  { maxLength: 120 },
);

const strategies = fc.constantFrom<SupervisionStrategy>(
  'one-for-one',
  'one-for-all',
  'rest-for-one',
);

class Model {
  readonly children: readonly string[];
  readonly supervisor: Supervisor;
  readonly state: ('down' | 'starting' | 'running' | 'stopping')[];
  /** Not before this may the child start again. */
  readonly notBefore: (number | undefined)[];
  now = 0;
  attempts = 0;
  over: 'no' | 'giving-up' | 'escalated' | 'stopped' = 'no';
  failures = 0;
  lastFailure = '';
  readonly strategy: SupervisionStrategy;
  readonly budget: number;

  constructor(strategy: SupervisionStrategy, count: number, budget: number) {
    this.strategy = strategy;
    this.budget = budget;
    this.children = Array.from({ length: count }, (_, at) => String(at));
    this.state = this.children.map(() => 'down');
    this.notBefore = this.children.map(() => undefined);
    const restart = exponentialBackoff({ initialMs: 5, maxMs: 30, maxAttempts: budget });
    this.supervisor = new Supervisor({
      children: this.children,
      strategy,
      restart,
      random: seededRandom(count),
    });
  }

  send(event: SupervisorEvent): readonly SupervisorCommand[] {
    const commands = this.supervisor.handle(event, this.now);
    this.#inOrder(commands, 'stop-child', -1);
    this.#inOrder(commands, 'start-child', 1);
    for (const command of commands) this.#apply(command);
    const due = this.supervisor.nextDeadline();
    if (due !== undefined) expect(due).toBeGreaterThan(this.now);
    return commands;
  }

  /** A child fails; the answer must be the one that the budget asks for. */
  fail(at: number): void {
    this.failures += 1;
    const message = `failure ${this.failures}`;
    const before = this.state[at];
    const live = before === 'starting' || before === 'running';
    this.state[at] = 'down';
    const affected = this.children.filter((_, index) =>
      this.strategy === 'one-for-one'
        ? index === at
        : this.strategy === 'one-for-all' || index >= at,
    );
    const commands = this.send({
      kind: 'child-ended',
      child: this.children[at]!,
      reason: 'abnormal',
      failure: { kind: 'internal', name: 'Error', message },
    });
    const answers = commands.filter(({ kind }) => kind === 'restarting');
    if (!live || this.over !== 'no') {
      expect(answers).toEqual([]);
      return;
    }
    if (this.attempts >= this.budget) {
      expect(answers).toEqual([]);
      const escalated = commands.find((command) => command.kind === 'escalate');
      this.over = escalated === undefined ? 'giving-up' : 'escalated';
      this.lastFailure = message;
      for (const state of this.state) expect(['down', 'stopping']).toContain(state);
      return;
    }
    this.attempts += 1;
    expect(answers).toHaveLength(1);
    expect(answers[0]).toMatchObject({
      children: affected,
      attempt: this.attempts,
      failure: { message },
    });
    for (const child of affected) {
      const state = this.state[Number(child)];
      // Nobody of the set goes on; a start in the same breath needs a delay of nothing.
      expect(['down', 'stopping']).toContain(state);
    }
  }

  #apply(command: SupervisorCommand): void {
    switch (command.kind) {
      case 'start-child': {
        const at = Number(command.child);
        expect(this.state[at]).toBe('down');
        expect(this.over).toBe('no');
        expect(this.now).toBeGreaterThanOrEqual(this.notBefore[at] ?? 0);
        this.state[at] = 'starting';
        this.notBefore[at] = undefined;
        return;
      }
      case 'stop-child':
        expect(['starting', 'running']).toContain(this.state[Number(command.child)]);
        this.state[Number(command.child)] = 'stopping';
        return;
      case 'restarting':
        expect(command.delayMs).toBeGreaterThan(0);
        expect(command.delayMs).toBeLessThanOrEqual(30);
        for (const child of command.children) {
          const at = Number(child);
          this.notBefore[at] = Math.max(this.notBefore[at] ?? 0, this.now + command.delayMs);
        }
        return;
      case 'escalate':
        expect(this.over === 'no' || this.over === 'giving-up').toBe(true);
        expect(this.state.every((state) => state === 'down')).toBe(true);
        expect(command.attempts).toBe(this.budget);
        if (this.over === 'giving-up') expect(command.failure.message).toBe(this.lastFailure);
        this.over = 'escalated';
        return;
      case 'stopped':
        expect(this.over).toBe('no');
        expect(this.state.every((state) => state === 'down')).toBe(true);
        this.over = 'stopped';
    }
  }

  #inOrder(commands: readonly SupervisorCommand[], kind: string, direction: 1 | -1): void {
    const order = commands.flatMap((command) =>
      command.kind === kind && 'child' in command ? [Number(command.child)] : [],
    );
    // Restarts of different failures may fall due together; each is in order for itself.
    if (kind === 'start-child' && this.strategy === 'one-for-one') return;
    expect(order).toEqual([...order].sort((a, b) => direction * (a - b)));
  }

  perform(step: Step): void {
    if (step.kind === 'wait') {
      this.now += step.ms;
      this.send({ kind: 'tick' });
      return;
    }
    if (step.kind === 'progress') {
      this.attempts = 0;
      this.send({ kind: 'progress' });
      return;
    }
    const at = step.pick % this.children.length;
    const child = this.children[at]!;
    switch (step.kind) {
      case 'fail':
        this.fail(at);
        return;
      case 'late-shutdown':
        if (this.state[at] === 'stopping') return;
        expect(this.send({ kind: 'child-ended', child, reason: 'shutdown' })).toEqual([]);
        return;
      case 'normal':
        if (this.state[at] === 'stopping') return;
        this.state[at] = 'down';
        expect(
          this.send({ kind: 'child-ended', child, reason: 'normal' }).filter(
            ({ kind }) => kind === 'restarting',
          ),
        ).toEqual([]);
        return;
      case 'answer':
        this.answer(at);
    }
  }

  answer(at: number): void {
    const child = this.children[at]!;
    if (this.state[at] === 'starting') {
      this.state[at] = 'running';
      expect(this.send({ kind: 'child-started', child })).toEqual([]);
    } else if (this.state[at] === 'stopping') {
      this.state[at] = 'down';
      this.send({ kind: 'child-ended', child, reason: 'shutdown' });
    }
  }

  /** Everyone answers what was asked, time passes. */
  comeToRest(): void {
    for (let round = 0; round < 4; round += 1) {
      for (const at of this.children.keys()) this.answer(at);
      this.now += 1_000;
      this.send({ kind: 'tick' });
    }
  }
}

describe('supervisor, with any performer', () => {
  it('answers each failure once, keeps order, budget and delays, and comes to rest', () => {
    fc.assert(
      fc.property(
        strategies,
        fc.integer({ min: 1, max: 5 }),
        fc.nat({ max: 4 }),
        steps,
        fc.boolean(),
        (strategy, count, budget, list, stops) => {
          const model = new Model(strategy, count, budget);
          model.send({ kind: 'start' });
          for (const step of list) model.perform(step);
          if (stops) {
            model.send({ kind: 'stop' });
            model.comeToRest();
            expect(['stopped', 'escalated']).toContain(model.over);
            return;
          }
          model.comeToRest();
          expect(model.supervisor.nextDeadline()).toBeUndefined();
          if (model.over === 'no') {
            expect(model.state.every((state) => state === 'running' || state === 'down')).toBe(
              true,
            );
            expect(model.notBefore.every((time) => time === undefined)).toBe(true);
          } else {
            expect(model.over).toBe('escalated');
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
