/**
 * The orders that one child is given: start, stop within its time, kill.
 *
 *  O1  A start makes a new incarnation. Stops and kills name the incarnation that they are for.
 *  O2  A child is asked to stop at most once, and killed at most once. Before a brutal kill it is not asked.
 *  O3  A child has at most one deadline: either it waits for its start, or it is being stopped.
 */

import { type Child, ChildList, isAlive } from './child-list.js';
import { DeadlineQueue } from './deadline-queue.js';
import type { SupervisorCommand } from './supervisor-protocol.js';

export class ChildOrders {
  readonly children = new ChildList();
  readonly #nextIncarnation: () => number;
  readonly #deadlines = new DeadlineQueue<Child>();

  constructor(nextIncarnation: () => number) {
    this.#nextIncarnation = nextIncarnation;
  }

  /** When the next start or kill is due, in milliseconds. */
  nextDeadline(): number | undefined {
    return this.#deadlines.earliestMs();
  }

  start(child: Child, attempt: number, commands: SupervisorCommand[]): void {
    const incarnation = this.#nextIncarnation(); // O1
    child.incarnation = incarnation;
    child.killed = 'no';
    child.done = false;
    this.children.set(child, 'starting', 'none');
    commands.push({ kind: 'start-child', child: child.spec.id, attempt, incarnation });
  }

  startLater(child: Child, attempt: number, atMs: number): void {
    child.attempt = attempt;
    this.children.set(child, 'waiting');
    child.deadline = this.#deadlines.add(atMs, child);
  }

  stop(child: Child, now: number, commands: SupervisorCommand[]): void {
    if (child.state !== 'starting' && child.state !== 'running') return; // O2
    const { shutdown, id } = child.spec;
    if (shutdown === 'brutal-kill') {
      this.kill(child, 'at-once', commands);
      return;
    }
    this.#stopping(child);
    commands.push({ kind: 'stop-child', child: id, incarnation: child.incarnation });
    if (shutdown === 0) this.kill(child, 'too-slow', commands);
    else if (shutdown !== 'infinity') child.deadline = this.#deadlines.add(now + shutdown, child);
  }

  kill(child: Child, how: 'at-once' | 'too-slow', commands: SupervisorCommand[]): void {
    if (!isAlive(child) || child.killed !== 'no') return; // O2
    this.callOff(child);
    child.killed = how;
    this.#stopping(child);
    const { incarnation, spec } = child;
    commands.push({ kind: 'kill-child', child: spec.id, incarnation });
  }

  /** Drops its deadline: the start or the kill that was due. */
  callOff(child: Child): void {
    if (child.deadline === undefined) return;
    this.#deadlines.remove(child.deadline);
    child.deadline = undefined;
  }

  /** Performs the starts and kills whose time has come. */
  perform(now: number, commands: SupervisorCommand[]): void {
    for (;;) {
      const child = this.#deadlines.takeDue(now);
      if (child === undefined) return;
      child.deadline = undefined; // O3
      if (child.state === 'stopping') this.kill(child, 'too-slow', commands);
      else this.start(child, child.attempt, commands);
    }
  }

  #stopping(child: Child): void {
    this.children.set(child, 'stopping', child.fate === 'none' ? 'rest' : child.fate);
  }
}
