/** A supervisor whose children answer when the test says so; commands as short text to read tables by. */

import { expect } from 'vitest';
import type { Failure } from '../../src/base/failure.js';
import { seededRandom } from '../../src/base/random.js';
import type { ChildSpec, SupervisorSpec } from '../../src/supervisor/child-spec.js';
import {
  Supervisor,
  type SupervisorCommand,
  type SupervisorEvent,
} from '../../src/supervisor/supervisor.js';
import type {
  AdministrationEvent,
  AdministrationResult,
} from '../../src/supervisor/supervisor-protocol.js';

export const failureOf = (message: string): Failure => ({
  kind: 'thread-error',
  name: 'Error',
  message,
});

export function resultText(result: AdministrationResult): string {
  if (result.kind !== 'refused') return `${result.kind} ${result.child}`;
  const failure = result.failure === undefined ? '' : `: ${result.failure.message}`;
  return `refused ${result.reason}${failure}`;
}

/** Reports are told apart from what is to be done, so that tables stay short. */
export function text(command: SupervisorCommand): string {
  switch (command.kind) {
    case 'start-child':
      return command.attempt === 0
        ? `start ${command.child}`
        : `start ${command.child} #${command.attempt}`;
    case 'stop-child':
      return `stop ${command.child}`;
    case 'kill-child':
      return `kill ${command.child}`;
    case 'restarting':
      return `restarting ${command.children.join('')} #${command.attempt} in ${command.delayMs}: ${command.failure.message}`;
    case 'report':
      return `${command.context} ${command.child}: ${command.failure.message}`;
    case 'reply':
      return `reply ${command.token}: ${resultText(command.result)}`;
    case 'escalate':
      return `escalate after ${command.attempts}: ${command.failure.message}`;
    case 'stopped':
      return `stopped (${command.reason})`;
  }
}

export type Options = Omit<SupervisorSpec, 'children'> & {
  /** Of every child that says nothing else. */
  readonly child?: Omit<ChildSpec, 'id'>;
};

export class Bench {
  readonly supervisor: Supervisor;
  /** As told by the commands. */
  readonly incarnations = new Map<string, number>();
  readonly reports: string[] = [];
  now = 0;

  constructor(children: readonly (string | ChildSpec)[], { child, ...options }: Options = {}) {
    const specs = children.map((given) =>
      typeof given === 'string' ? { ...child, id: given } : { ...child, ...given },
    );
    this.supervisor = new Supervisor({ ...options, children: specs }, seededRandom(1));
  }

  /** Sends the event; reports go to `reports`. */
  send(event: SupervisorEvent): string[] {
    const told: string[] = [];
    for (const command of this.supervisor.handle(event, this.now)) {
      if (command.kind === 'start-child') this.incarnations.set(command.child, command.incarnation);
      (command.kind === 'report' ? this.reports : told).push(text(command));
    }
    return told;
  }

  at(now: number): this {
    expect(now).toBeGreaterThanOrEqual(this.now);
    this.now = now;
    return this;
  }

  start = () => this.send({ kind: 'start' });
  stop = () => this.send({ kind: 'stop' });
  tick = () => this.send({ kind: 'tick' });
  progress = () => this.send({ kind: 'progress' });

  /** Several children: each must make the next one start, and the last one nothing. */
  up(...children: string[]): string[] {
    return children.flatMap((child) => this.send({ kind: 'child-started', child }));
  }

  ignores = (child: string) => this.send({ kind: 'start-ignored', child });

  cannotStart(child: string, why = `${child} cannot`): string[] {
    return this.send({ kind: 'start-failed', child, failure: failureOf(why) });
  }

  fails(child: string, why = child): string[] {
    return this.send({ kind: 'child-ended', child, reason: 'abnormal', failure: failureOf(why) });
  }

  /** With its incarnation: a `shutdown` may be of its own accord. */
  ends(child: string, reason: 'normal' | 'shutdown' | 'killed' = 'shutdown'): string[] {
    const incarnation = this.incarnations.get(child)!;
    return this.send({ kind: 'child-ended', child, reason, incarnation });
  }

  asks(event: AdministrationEvent): string[] {
    return this.send(event);
  }

  states(): string {
    return this.supervisor
      .which()
      .map(({ id, state }) => `${id}:${state}`)
      .join(' ');
  }

  /** All of them running, at time 0. */
  static running(children: readonly (string | ChildSpec)[], options: Options = {}): Bench {
    const bench = new Bench(children, options);
    let told = bench.start();
    for (const [at, child] of bench.supervisor.list().entries()) {
      expect(told).toEqual([`start ${child}`]);
      told = bench.up(child);
      expect(bench.supervisor.hasStarted).toBe(at === children.length - 1);
    }
    expect(told).toEqual([]);
    return bench;
  }
}

/** Everyone who is told something answers at once, until nobody is. */
export function comeToRest(bench: Bench, first: readonly string[]): string[] {
  const all = [...first];
  for (let at = 0; at < all.length; at += 1) {
    const [verb, child] = all[at]!.split(' ') as [string, string];
    if (verb === 'start') all.push(...bench.up(child));
    if (verb === 'stop' || verb === 'kill') all.push(...bench.ends(child));
  }
  return all;
}
