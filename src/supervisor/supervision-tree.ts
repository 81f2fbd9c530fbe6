/**
 * Supervisors under supervisors, as one pure machine: events of leaves and `now` in, commands for
 * leaves out. Each supervisor is a machine of its own; the tree carries what one decides to the others.
 *
 *   parent's command for a supervisor     what it becomes
 *   start-child                           a new machine, started; `child-started` when it has started
 *   stop-child, kill-child                stop, kill
 *   a supervisor's last word              what its parent hears
 *   escalate                              child-ended, abnormal
 *   stopped because it was asked to       child-ended, shutdown; abnormal when it had died
 *   stopped by its autoShutdown,
 *   or because its work is done           child-ended, normal; abnormal when it had died
 *
 *  T1  A supervisor starts before its children. When all of them have started, it has started, and its next
 *      sibling waits for that. It is down after its children.
 *  T2  A parent hears of a supervisor's end only when all under it is down: nothing is orphaned, and
 *      no two incarnations of a leaf live at the same time.
 *  T3  Incarnations are counted once for the whole tree. So when a supervisor was made anew, what an old leaf of
 *      it still says is known to be late.
 *  T4  What one machine causes in another waits in a queue, first in, first out: there is no recursion, and
 *      the order of commands is the order of causes.
 *  T5  The cost of an event follows the children that it concerns and the supervisors above them. The
 *      deadlines of all supervisors lie in one heap.
 */

import { assert } from '../base/assert.js';
import { isHoldfastError } from '../base/errors.js';
import type { Failure } from '../base/failure.js';
import type { Random } from '../base/random.js';
import type { ChildSpec } from './child-spec.js';
import { type Deadline, DeadlineQueue } from './deadline-queue.js';
import { unexplainedEnd } from './end-failures.js';
import { refusal } from './refusals.js';
import { Supervisor } from './supervisor.js';
import type {
  AdministrationEvent,
  RequestToken,
  SupervisorCommand,
  SupervisorEvent,
} from './supervisor-protocol.js';
import type {
  LeafEvent,
  TreeAdministrationEvent,
  TreeChildSpec,
  TreeCommand,
  TreeEvent,
  TreeNode,
  TreeSpec,
} from './tree-protocol.js';
import {
  checkTreeId,
  checkTreeSpec,
  childSpecOf,
  isTreeSpec,
  supervisorSpecOf,
} from './tree-spec.js';

export type { TreeChildSpec, TreeCommand, TreeEvent, TreeNode, TreeSpec } from './tree-protocol.js';

interface Branch {
  readonly kind: 'supervisor';
  readonly id: string;
  readonly path: string;
  readonly parent: Branch | undefined;
  readonly spec: TreeSpec;
  readonly record: Life;
  readonly children: Map<string, Node>;
  machine: Supervisor;
  /** Its parent knows that it has started. */
  isUp: boolean;
  /** It was killed. It is over when all under it is down. */
  death: Failure | undefined;
  /** Its work is done. It is over when all under it is down. */
  isFinished: boolean;
  deadline: Deadline<Branch> | undefined;
}

interface Leaf {
  readonly kind: 'worker';
  readonly id: string;
  readonly path: string;
  readonly parent: Branch;
  readonly spec: ChildSpec;
  readonly record: Life;
}

type Node = Branch | Leaf;

/** What is told to people. */
interface Life {
  /** 0 before the first start. */
  incarnation: number;
  restarts: number;
  lastFailure: Failure | undefined;
  upSinceMs: number | undefined;
}

export class SupervisionTree {
  readonly #random: Random;
  readonly #root: Branch;
  readonly #nodes = new Map<string, Node>();
  readonly #branches = new Set<Branch>();
  readonly #deadlines = new DeadlineQueue<Branch>();
  /** T4 */
  #queue: { readonly branch: Branch; readonly event: SupervisorEvent }[] = [];
  #commands: TreeCommand[] = [];
  #incarnation = 0;

  /** @throws HoldfastError ERR_HOLDFAST_BAD_CHILD_SPEC */
  constructor(spec: TreeSpec, random: Random) {
    checkTreeSpec(spec);
    this.#random = random;
    this.#root = this.#makeBranch(spec, undefined);
  }

  /** The whole tree has started, and the root is neither stopping nor over. */
  get hasStarted(): boolean {
    return this.#root.machine.hasStarted;
  }

  /** @param now milliseconds of a clock that does not go back */
  handle(event: TreeEvent, now: number): readonly TreeCommand[] {
    this.#commands = [];
    if (event.kind === 'tick') {
      for (let due = this.#takeDue(now); due !== undefined; due = this.#takeDue(now)) {
        this.#send(due, { kind: 'tick' });
        this.#work(now);
      }
      return this.#commands;
    }
    this.#take(event);
    this.#work(now);
    return this.#commands;
  }

  /** When the next `tick` has something to do; undefined: not before another event. */
  nextDeadline(): number | undefined {
    return this.#deadlines.earliestMs();
  }

  /** The whole tree as data, children in the order in which they start. */
  describe(now: number): TreeNode {
    return this.#describe(this.#root, now);
  }

  #take(event: Exclude<TreeEvent, { kind: 'tick' }>): void {
    switch (event.kind) {
      case 'start':
      case 'stop':
        this.#send(this.#root, event);
        return;
      case 'progress':
        this.#progress(event.path);
        return;
      case 'kill': {
        const branch = this.#working(event.path);
        if (branch === undefined) return;
        branch.death ??= event.failure ?? unexplainedEnd(event.path);
        this.#send(branch, { kind: 'stop' }); // T2
        return;
      }
      case 'finish': {
        const branch = this.#working(event.path);
        if (branch === undefined) return;
        branch.isFinished = true;
        this.#send(branch, { kind: 'stop' }); // T2
        return;
      }
      case 'start-child':
      case 'terminate-child':
      case 'restart-child':
      case 'delete-child':
        this.#request(event);
        return;
      default:
        this.#leafEvent(event);
    }
  }

  #progress(path: string | undefined): void {
    const only = path === undefined ? undefined : this.#nodes.get(path);
    if (path === undefined) {
      for (const branch of this.#branches) this.#send(branch, { kind: 'progress' });
    } else if (only?.kind === 'supervisor') this.#send(only, { kind: 'progress' });
  }

  /** The supervisor, if it has started and is not over. */
  #working(path: string): Branch | undefined {
    const branch = this.#nodes.get(path);
    if (branch === undefined) return undefined;
    assert(branch.kind === 'supervisor', `'${path}' is no supervisor; the end of a leaf is told`);
    const { phase } = branch.machine;
    return phase === 'new' || phase === 'ended' ? undefined : branch;
  }

  #leafEvent({ path, ...event }: LeafEvent): void {
    const leaf = this.#nodes.get(path);
    if (leaf?.kind === 'worker') this.#send(leaf.parent, { ...event, child: leaf.id });
  }

  #request(event: TreeAdministrationEvent): void {
    const { token, path } = event;
    if (event.kind === 'start-child') {
      const branch = this.#nodes.get(path);
      if (branch?.kind !== 'supervisor') this.#refuse(token, 'not-found', path);
      else if ('id' in event) this.#requestStart(branch, token, { id: event.id });
      else this.#requestStart(branch, token, { spec: event.spec });
      return;
    }
    const node = this.#nodes.get(path);
    if (node?.parent === undefined) this.#refuse(token, 'not-found', path);
    else this.#send(node.parent, { kind: event.kind, token, child: node.id });
  }

  #requestStart(
    branch: Branch,
    token: RequestToken,
    what: { readonly id: string } | { readonly spec: ChildSpec | TreeChildSpec },
  ): void {
    try {
      const id: unknown = 'id' in what ? what.id : what.spec?.id;
      if (id !== undefined) checkTreeId(id, branch.path);
      if ('spec' in what && isTreeSpec(what.spec)) {
        checkTreeSpec(what.spec, branch.path, depthOf(branch) + 1);
      }
    } catch (error) {
      if (!isHoldfastError(error, 'ERR_HOLDFAST_BAD_CHILD_SPEC')) throw error;
      this.#refuse(token, 'bad-child-spec', error.message);
      return;
    }
    this.#send(branch, { kind: 'start-child', token, ...what } as AdministrationEvent);
  }

  #refuse(token: RequestToken, reason: 'not-found' | 'bad-child-spec', about: string): void {
    this.#commands.push({ kind: 'reply', token, result: refusal(reason, about) });
  }

  #send(branch: Branch, event: SupervisorEvent): void {
    this.#queue.push({ branch, event });
  }

  #work(now: number): void {
    for (let at = 0; at < this.#queue.length; at += 1) {
      const { branch, event } = this.#queue[at]!;
      this.#deliver(branch, event, now);
    }
    this.#queue = [];
  }

  #deliver(branch: Branch, event: SupervisorEvent, now: number): void {
    const { machine } = branch;
    const commands = machine.handle(plainEvent(event), now);
    if (event.kind === 'start-child') this.#added(branch, event);
    for (const command of commands) this.#perform(branch, command);
    this.#arm(branch);
    if ('child' in event) this.#concerned(branch, event.child, now);
    if (!branch.isUp && machine.hasStarted) {
      branch.isUp = true; // T1
      branch.record.upSinceMs = now;
      this.#tellParent(branch, { kind: 'child-started' });
    }
  }

  /** A child that was asked for is there now, unless the request was refused. */
  #added(branch: Branch, event: AdministrationEvent & { kind: 'start-child' }): void {
    const id: string | undefined = 'spec' in event ? event.spec?.id : event.id;
    if (id === undefined || branch.children.has(id) || branch.machine.info(id) === undefined)
      return;
    const spec = 'spec' in event ? event.spec : { ...branch.spec.children[0]!, id };
    this.#makeNode(spec, branch);
  }

  #concerned(branch: Branch, id: string, now: number): void {
    const node = branch.children.get(id);
    if (node === undefined) return;
    const info = branch.machine.info(id);
    if (info === undefined) this.#drop(node);
    else if (info.state === 'running') node.record.upSinceMs ??= now;
  }

  #perform(branch: Branch, command: SupervisorCommand): void {
    switch (command.kind) {
      case 'start-child':
        this.#start(branch.children.get(command.child)!, command.attempt, command.incarnation);
        return;
      case 'stop-child':
      case 'kill-child': {
        const node = branch.children.get(command.child)!;
        const { kind, incarnation } = command;
        if (node.kind === 'worker') this.#commands.push({ kind, path: node.path, incarnation });
        else this.#send(node, { kind: kind === 'stop-child' ? 'stop' : 'kill' });
        return;
      }
      case 'report': {
        const { child, ...report } = command;
        const node = branch.children.get(child)!;
        node.record.lastFailure = command.failure;
        this.#commands.push({ ...report, path: node.path });
        return;
      }
      case 'restarting':
        this.#commands.push({ ...command, path: branch.path });
        return;
      case 'reply':
        this.#commands.push(command);
        return;
      case 'escalate': {
        const { failure, attempts } = command;
        if (branch.parent !== undefined) {
          this.#commands.push({ kind: 'escalated', path: branch.path, failure, attempts });
        }
        this.#over(branch, failure, attempts);
        return;
      }
      case 'stopped':
        if (branch.death !== undefined) this.#over(branch, branch.death, 0);
        else if (branch.parent === undefined) {
          this.#commands.push({ kind: 'ended', reason: command.reason });
        } else {
          const isWell = command.reason === 'auto-shutdown' || branch.isFinished;
          const reason = isWell ? 'normal' : 'shutdown';
          this.#tellParent(branch, { kind: 'child-ended', reason });
        }
    }
  }

  #start(node: Node, attempt: number, incarnation: number): void {
    const { record, path } = node;
    if (record.incarnation !== 0) record.restarts += 1;
    record.incarnation = incarnation;
    record.upSinceMs = undefined;
    if (node.kind === 'worker') {
      this.#commands.push({ kind: 'start-child', path, attempt, incarnation });
      return;
    }
    if (node.machine.phase !== 'new') this.#makeAnew(node);
    this.#send(node, { kind: 'start' });
  }

  /** A failed end: of the root, it ends everything; of any other supervisor, its parent hears of it. */
  #over(branch: Branch, failure: Failure, attempts: number): void {
    if (branch.parent === undefined) {
      branch.record.lastFailure = failure;
      this.#commands.push({ kind: 'ended', reason: 'failed', failure, attempts });
      return;
    }
    this.#tellParent(branch, { kind: 'child-ended', reason: 'abnormal', failure });
  }

  #tellParent(
    { parent, id, record }: Branch,
    event:
      | { readonly kind: 'child-started' }
      | { readonly kind: 'child-ended'; readonly reason: 'normal' | 'shutdown' }
      | { readonly kind: 'child-ended'; readonly reason: 'abnormal'; readonly failure: Failure },
  ): void {
    const { incarnation } = record;
    if (parent !== undefined) this.#send(parent, { ...event, child: id, incarnation }); // T3
  }

  #makeNode(spec: ChildSpec | TreeChildSpec, parent: Branch): void {
    if (isTreeSpec(spec)) {
      this.#makeBranch(spec, parent);
      return;
    }
    const { id } = spec;
    const path = `${parent.path}/${id}`;
    this.#keep({ kind: 'worker', id, path, parent, spec, record: freshLife() });
  }

  #makeBranch(spec: TreeSpec, parent: Branch | undefined): Branch {
    const { id } = spec;
    const branch: Branch = {
      kind: 'supervisor',
      id,
      path: parent === undefined ? id : `${parent.path}/${id}`,
      parent,
      spec,
      record: freshLife(),
      children: new Map(),
      machine: this.#makeMachine(spec),
      isUp: false,
      death: undefined,
      isFinished: false,
      deadline: undefined,
    };
    this.#keep(branch);
    this.#branches.add(branch);
    this.#makeChildren(branch);
    return branch;
  }

  #keep(node: Node): void {
    this.#nodes.set(node.path, node);
    node.parent?.children.set(node.id, node);
  }

  /** Makes the children of the specification. Those of a template come later. */
  #makeChildren(branch: Branch): void {
    if (branch.spec.strategy === 'simple-one-for-one') return;
    for (const child of branch.spec.children) {
      if (!branch.children.has(child.id)) this.#makeNode(child, branch);
    }
  }

  #makeMachine(spec: TreeSpec): Supervisor {
    return new Supervisor(supervisorSpecOf(spec), this.#random, () => {
      this.#incarnation += 1;
      return this.#incarnation;
    });
  }

  /** Children that were added to the former supervisor are forgotten; the records of the others are kept. */
  #makeAnew(branch: Branch): void {
    branch.machine = this.#makeMachine(branch.spec);
    branch.isUp = false;
    branch.death = undefined;
    branch.isFinished = false;
    const known = new Set<unknown>(branch.spec.children);
    for (const node of branch.children.values()) if (!known.has(node.spec)) this.#drop(node);
    this.#makeChildren(branch);
  }

  #drop(node: Node): void {
    if (node.kind === 'supervisor') {
      for (const child of node.children.values()) this.#drop(child);
      this.#disarm(node);
      this.#branches.delete(node);
    }
    node.parent?.children.delete(node.id);
    this.#nodes.delete(node.path);
  }

  #takeDue(now: number): Branch | undefined {
    const branch = this.#deadlines.takeDue(now);
    if (branch !== undefined) branch.deadline = undefined;
    return branch;
  }

  #arm(branch: Branch): void {
    const dueMs = branch.machine.nextDeadline();
    if (branch.deadline?.atMs === dueMs) return;
    this.#disarm(branch);
    if (dueMs !== undefined) branch.deadline = this.#deadlines.add(dueMs, branch);
  }

  #disarm(branch: Branch): void {
    if (branch.deadline !== undefined) this.#deadlines.remove(branch.deadline);
    branch.deadline = undefined;
  }

  #describe(node: Node, now: number): TreeNode {
    const { id, path, kind, parent, record } = node;
    const info = parent?.machine.info(id);
    const state = info?.state ?? rootState(this.#root.machine);
    const { restarts, lastFailure, upSinceMs } = record;
    const common = {
      id,
      path,
      kind,
      state,
      restartType: info?.restart ?? ('temporary' as const),
      significant: parent !== undefined && (node.spec as ChildSpec).significant === true,
      restarts,
      lastFailure,
      upSinceMs: state === 'running' ? upSinceMs : undefined,
    };
    if (node.kind === 'worker') return { ...common, children: [] };
    const { machine, children } = node;
    return {
      ...common,
      strategy: machine.strategy,
      budget: machine.describeBudget(now),
      children: machine.list().map((child) => this.#describe(children.get(child)!, now)),
    };
  }
}

function freshLife(): Life {
  return { incarnation: 0, restarts: 0, lastFailure: undefined, upSinceMs: undefined };
}

function depthOf(branch: Branch): number {
  let depth = 0;
  for (let at: Branch | undefined = branch; at !== undefined; at = at.parent) depth += 1;
  return depth;
}

/** A supervisor is not told that a child is a tree. */
function plainEvent(event: SupervisorEvent): SupervisorEvent {
  return event.kind === 'start-child' && 'spec' in event
    ? { ...event, spec: childSpecOf(event.spec) }
    : event;
}

function rootState(machine: Supervisor): TreeNode['state'] {
  if (machine.phase === 'running') return machine.hasStarted ? 'running' : 'starting';
  return machine.phase === 'ending' ? 'stopping' : 'down';
}
