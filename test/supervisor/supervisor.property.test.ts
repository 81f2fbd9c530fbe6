/**
 * A performer that answers in any order, fails when it likes, and repeats itself: after each command
 * and each event, a model of what lives says whether it was lawful.
 *
 * What is checked, besides the model's own expectations: I30 (each strategy stops and starts exactly
 * its set, in reverse and in order), V1–V5 of the supervisor, and that it always comes to rest.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import type { ChildSpec, RestartType } from '../../src/supervisor/child-spec.js';
import { exponentialBackoff } from '../../src/supervisor/restart-strategy.js';
import {
  Supervisor,
  type SupervisorCommand,
  type SupervisorEvent,
} from '../../src/supervisor/supervisor.js';
import { failureOf } from './supervisor-kit.js';

type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

type Step =
  | { readonly kind: 'answer' | 'fail' | 'end' | 'zombie'; readonly pick: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'progress' };

const pick = (weight: number, kind: 'answer' | 'fail' | 'end' | 'zombie') => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), pick: fc.nat() }),
});

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    pick(10, 'answer'),
    pick(3, 'fail'),
    pick(1, 'end'),
    pick(1, 'zombie'),
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat({ max: 40 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'progress' as const }) },
  ),
  { maxLength: 150 },
);

interface Modelled {
  readonly id: string;
  readonly restart: RestartType;
  state: 'down' | 'starting' | 'running' | 'stopping';
  incarnation: number;
  /** It goes down with its group: what it does until then costs nothing. */
  condemned: boolean;
  gone: boolean;
  /** It ended of itself: nothing but a request would start it again. */
  done: boolean;
  /** Not before this may it start again. */
  notBeforeMs: number;
}

class Model {
  readonly supervisor: Supervisor;
  readonly children: Modelled[];
  readonly strategy: Strategy;
  readonly budget: number;
  now = 0;
  attempts = 0;
  failures = 0;
  over: 'no' | 'giving-up' | 'stopping' | 'escalated' | 'stopped' = 'no';
  lastFailure = '';

  constructor(strategy: Strategy, types: readonly RestartType[], budget: number) {
    this.strategy = strategy;
    this.budget = budget;
    const specs: ChildSpec[] = types.map((restart, at) => ({
      id: String(at),
      restart,
      shutdown: 'infinity',
    }));
    this.children = types.map((restart, at) => ({
      id: String(at),
      restart,
      state: 'down',
      incarnation: 0,
      condemned: false,
      gone: false,
      done: false,
      notBeforeMs: 0,
    }));
    const backoff = exponentialBackoff({ initialMs: 5, maxMs: 30, maxAttempts: budget });
    this.supervisor = new Supervisor(
      { strategy, backoff, firstStart: 'restart', children: specs },
      seededRandom(types.length),
    );
  }

  get alive(): Modelled[] {
    return this.children.filter(({ state }) => state !== 'down');
  }

  send(event: SupervisorEvent): readonly SupervisorCommand[] {
    const commands = this.supervisor.handle(event, this.now);
    for (const command of commands) this.apply(command);
    const due = this.supervisor.nextDeadline();
    if (due !== undefined) expect(due).toBeGreaterThan(this.now);
    for (const { id, state, gone } of this.children) {
      const info = this.supervisor.info(id);
      if ((info === undefined) !== gone) throw new Error(`${id} is ${gone ? 'kept' : 'forgotten'}`);
      const isDown = info?.state === 'down' || info?.state === 'restarting' || gone;
      const isTrue = state === 'down' ? isDown : info?.state === state;
      if (!isTrue) throw new Error(`${id} is ${state}, not ${info?.state}`);
    }
    return commands;
  }

  apply(command: SupervisorCommand): void {
    switch (command.kind) {
      case 'start-child':
        this.start(this.children[Number(command.child)]!, command.incarnation);
        return;
      case 'stop-child': {
        const child = this.children[Number(command.child)]!;
        expect(['starting', 'running']).toContain(child.state);
        expect(command.incarnation).toBe(child.incarnation);
        // One at a time, and nobody behind it is left.
        for (const other of this.children.slice(Number(child.id) + 1)) {
          if (this.over !== 'no' || other.condemned) expect(other.state).toBe('down');
        }
        expect(this.over !== 'no' || child.condemned).toBe(true);
        child.state = 'stopping';
        return;
      }
      case 'restarting':
        expect(command.delayMs).toBeGreaterThan(0);
        expect(command.delayMs).toBeLessThanOrEqual(30);
        return;
      case 'report':
        return;
      case 'escalate':
        expect(this.alive).toEqual([]);
        expect(command.attempts).toBe(this.budget);
        expect(command.failure.message).toBe(this.lastFailure);
        expect(this.over).toBe('giving-up');
        this.over = 'escalated';
        return;
      case 'stopped':
        expect(this.alive).toEqual([]);
        expect(this.over).toBe('stopping');
        expect(command.reason).toBe('shutdown');
        this.over = 'stopped';
        return;
      case 'kill-child':
      case 'reply':
        throw new Error(`nobody asked for ${command.kind}`);
    }
  }

  start(child: Modelled, incarnation: number): void {
    expect(child.state).toBe('down');
    expect(child.gone).toBe(false);
    expect(child.done).toBe(false);
    expect(this.over).toBe('no');
    expect(this.now).toBeGreaterThanOrEqual(child.notBeforeMs);
    expect(incarnation).toBeGreaterThan(
      Math.max(...this.children.map((other) => other.incarnation)),
    );
    if (child.restart === 'temporary') expect(child.incarnation).toBe(0);
    if (this.strategy !== 'one-for-one') {
      // One at a time, nobody condemned is left, and those before it have answered.
      for (const other of this.children) {
        const isInTheWay = other.condemned && other.state !== 'down';
        if (isInTheWay || other.state === 'starting') throw new Error(`${other.id} comes first`);
      }
    }
    child.state = 'starting';
    child.condemned = false;
    child.incarnation = incarnation;
  }

  /** A child fails; the answer must be the one that the strategy and the budget ask for. */
  fail(child: Modelled): void {
    if (child.state === 'down') return;
    this.failures += 1;
    const message = `failure ${this.failures}`;
    const isCollateral = child.condemned || this.over !== 'no';
    const wasStopped = child.state === 'stopping';
    const mayRestart = child.restart !== 'temporary';
    child.state = 'down';
    if (!mayRestart) child.gone = true;
    let affected: Modelled[] = [];
    if (!isCollateral && mayRestart) {
      if (this.attempts >= this.budget) {
        this.over = 'giving-up';
        this.lastFailure = message;
        // Temporary children that never ran are forgotten, for they never will.
        for (const other of this.children) {
          if (other.restart === 'temporary' && other.state === 'down') other.gone = true;
        }
      } else {
        this.attempts += 1;
        affected = this.children.filter((other) => this.goesWith(other, child));
        for (const other of affected) if (other.state !== 'down') other.condemned = true;
      }
    }
    const { id, incarnation } = child;
    const failure = failureOf(message);
    const commands = this.send({
      kind: 'child-ended',
      child: id,
      reason: 'abnormal',
      failure,
      incarnation,
    });
    const answers = commands.filter(({ kind }) => kind === 'restarting');
    if (affected.length === 0) {
      expect(answers).toEqual([]);
    } else {
      // Exactly the set, without temporary children that have run.
      const again = affected.filter(
        (other) => other.restart !== 'temporary' || other.incarnation === 0,
      );
      expect(answers).toMatchObject([
        { children: again.map((other) => other.id), attempt: this.attempts, failure },
      ]);
      const [answer] = answers as [SupervisorCommand & { kind: 'restarting' }];
      for (const other of affected) {
        other.notBeforeMs = Math.max(other.notBeforeMs, this.now + answer.delayMs);
      }
    }
    expect(wasStopped && !isCollateral).toBe(false);
  }

  goesWith(other: Modelled, failed: Modelled): boolean {
    if (other.gone || other.done) return false;
    if (this.strategy === 'one-for-one') return other === failed;
    return this.strategy === 'one-for-all' || Number(other.id) >= Number(failed.id);
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
    const child = this.children[step.pick % this.children.length]!;
    const { id, incarnation } = child;
    switch (step.kind) {
      case 'fail':
        this.fail(child);
        return;
      case 'answer':
        this.answer(child);
        return;
      case 'end':
        if (child.state !== 'running' || child.restart === 'permanent') return;
        child.state = 'down';
        if (child.restart === 'temporary') child.gone = true;
        else child.done = true;
        this.send({ kind: 'child-ended', child: id, reason: 'normal', incarnation });
        return;
      case 'zombie':
        for (const reason of ['normal', 'abnormal', 'shutdown'] as const) {
          const late = { kind: 'child-ended', child: id, reason, incarnation: -1 } as const;
          expect(this.send(late)).toEqual([]);
        }
    }
  }

  answer(child: Modelled): void {
    const { id } = child;
    if (child.state === 'starting') {
      child.state = 'running';
      this.send({ kind: 'child-started', child: id });
    } else if (child.state === 'stopping') {
      child.state = 'down';
      if (child.restart === 'temporary') child.gone = true;
      this.send({ kind: 'child-ended', child: id, reason: 'shutdown' });
    }
  }

  stop(): void {
    if (this.over === 'no') {
      this.over = 'stopping';
      for (const child of this.children) {
        if (child.restart === 'temporary' && child.state === 'down') child.gone = true;
      }
    }
    this.send({ kind: 'stop' });
  }

  /** Everyone answers what was asked, time passes. */
  comeToRest(): void {
    for (let round = 0; round < 2 * this.children.length + 4; round += 1) {
      for (const child of this.children) this.answer(child);
      this.now += 1_000;
      this.send({ kind: 'tick' });
    }
  }
}

describe('supervisor, with any performer', () => {
  it('answers each failure once, keeps order, sets, budget and delays, and comes to rest', () => {
    const types = fc.constantFrom<RestartType>('permanent', 'permanent', 'transient', 'temporary');
    fc.assert(
      fc.property(
        fc.constantFrom<Strategy>('one-for-one', 'one-for-all', 'rest-for-one'),
        fc.array(types, { minLength: 1, maxLength: 6 }),
        fc.nat({ max: 5 }),
        steps,
        fc.boolean(),
        (strategy, children, budget, list, stops) => {
          const model = new Model(strategy, children, budget);
          model.send({ kind: 'start' });
          for (const step of list) model.perform(step);
          if (stops) {
            model.stop();
            model.comeToRest();
            expect(['stopped', 'escalated']).toContain(model.over);
            return;
          }
          model.comeToRest();
          expect(model.supervisor.nextDeadline()).toBeUndefined();
          if (model.over === 'no') {
            expect(model.supervisor.hasStarted).toBe(true);
            for (const { state, restart } of model.children) {
              if (restart === 'permanent') expect(state).toBe('running');
              else expect(['running', 'down']).toContain(state);
            }
          } else {
            expect(model.over).toBe('escalated');
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
