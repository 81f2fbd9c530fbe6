/**
 * A node at work on its thread: takes what its lanes bring, has its actors handle it, and sends on what they say.
 *
 *  N1  It has actors work only while there is room for what they send (ThreadLanes, L2), and takes from its lanes also
 *      when there is none. Otherwise it takes no more before as many messages were handled as it took last: what waits
 *      in a lane costs less than what waits in a mailbox. But not for long, because markers are to come through.
 *  N2  What actors send in one run leaves at its end, or earlier when a batch is full: one wake-up for many messages.
 *  N3  A marker is met between two messages: what was taken before it is in the image, what comes after it is not, and
 *      the node's own markers leave before anything that it sends later (participant.ts, C1).
 *  N4  A part that cannot be made, for instance because of a state that cannot be kept, is declined. The node goes on.
 *  N5  When nothing is left to do, it looks for what comes for a moment longer before the thread sleeps. An answer from
 *      another thread is often there by then, and to fall asleep and be woken takes both threads several times as long.
 */

import type { Behaviour, Work } from '../../actors/actor.js';
import type { ActorNode } from '../../actors/node/actor-node.js';
import { viewOf } from '../../actors/node/node-image.js';
import type { Envelope, NodeEvent } from '../../actors/node/world.js';
import { OUTSIDE } from '../../actors/placement.js';
import { encodeChannels, encodeImage } from '../../actors/snapshot/node-part.js';
import { Participant } from '../../actors/snapshot/participant.js';
import { type Failure, toFailure } from '../../base/failure.js';
import type { ControlBlock } from '../../threads/control-block.js';
import type { ActorsEvent } from './actor-types.js';
import type { NodeClock } from './node-clock.js';
import type { LaneReader, ThreadLanes } from './thread-lanes.js';

/** The driver has given a checkpoint up. */
export interface NodeMessage {
  readonly kind: 'abort';
  readonly checkpoint: number;
}

/** Between two looks at the clock and at the room that there is. */
const MESSAGES_AT_ONCE = 32;
/** Between two flushes. */
const MESSAGES_A_RUN = 512;
/** So long it may take to handle what was taken, before more is taken nonetheless. */
const TAKE_AFTER_MS = 10;
const LINGER_MS = 0.05;
/** Dead letters and errors that are told one by one in a run; the rest are counted only. */
const EVENTS_MAX = 256;

export interface NodeWorkOptions {
  readonly slot: number;
  readonly epoch: number;
  readonly lanes: ThreadLanes;
  readonly clock: NodeClock;
  readonly homeOf: (path: string) => number;
  readonly block: ControlBlock;
  /** The node's supervisor at the top has given up: nothing of it is to run any more. */
  readonly failed: (failure: Failure) => void;
  readonly report: (event: ActorsEvent, transfer?: readonly ArrayBuffer[]) => void;
}

export class NodeWork implements Behaviour<NodeMessage, undefined>, Work, LaneReader {
  readonly #options: NodeWorkOptions;
  readonly #node: ActorNode;
  readonly #lanes: ThreadLanes;
  readonly #participant: Participant;
  /** Of the part that is being recorded. */
  #image: Uint8Array<ArrayBuffer> | undefined;
  #now: number;
  #events: NodeEvent[] = [];
  #ended: Failure | undefined;
  #isClosed = false;
  /** Messages to be handled before more are taken. */
  #owed = 0;
  /** When it took last: `performance.now()`. */
  #takenMs = 0;
  /** When something moved last: `performance.now()`. */
  #movedMs = 0;

  /** @param make makes the node; its ways out are here */
  constructor(options: NodeWorkOptions, make: (work: NodeWork) => ActorNode) {
    this.#options = options;
    this.#lanes = options.lanes;
    this.#now = options.clock.now();
    this.#participant = new Participant(options.lanes.senders);
    this.#node = make(this);
  }

  get node(): ActorNode {
    return this.#node;
  }

  /** A way out of the node. */
  out(envelope: Envelope): void {
    // An async handler of a node that is out of service may go on.
    if (this.#isClosed) return;
    const to = this.#receiver(envelope);
    if (to !== undefined) this.#lanes.send(to, envelope);
  }

  /** A way out of the node. */
  observe(event: NodeEvent): void {
    if (event.kind === 'ended') this.#ended = event.failure;
    const isOften = event.kind === 'dead-letter' || event.kind === 'error';
    if (!isOften || this.#events.length < EVENTS_MAX) this.#events.push(event);
  }

  get runnable(): boolean {
    if (this.#lanes.isReady) return true;
    return !this.#lanes.isBlocked && this.#node.hasWork;
  }

  run(deadline: number): boolean {
    const { clock, block } = this.#options;
    const lanes = this.#lanes;
    this.#now = clock.now();
    let moved = lanes.pump();
    if (this.#mayTake) {
      const taken = lanes.take(this);
      this.#owed = taken;
      this.#takenMs = performance.now();
      if (taken > 0) moved = true;
    }
    for (let left = MESSAGES_A_RUN; left > 0 && !lanes.isBlocked; left -= MESSAGES_AT_ONCE) {
      if (!this.#node.hasWork && !this.#isDue) break;
      const hasMore = this.#node.run(this.#now, MESSAGES_AT_ONCE);
      moved = true;
      this.#owed -= MESSAGES_AT_ONCE;
      if (!hasMore || performance.now() >= deadline) break;
    }
    lanes.flush(); // N2
    if (moved) block.progress();
    if (this.#events.length > 0) this.#tell();
    if (this.#ended !== undefined) this.#giveUp(this.#ended);
    const now = performance.now();
    if (moved) this.#movedMs = now;
    return moved || now - this.#movedMs < LINGER_MS; // N5
  }

  flushDue(): number | undefined {
    // What is due waits for room, as messages do.
    if (this.#lanes.isBlocked) return undefined;
    const due = this.#node.nextDeadline();
    return due === undefined ? undefined : this.#options.clock.scheduled(due);
  }

  receive({ checkpoint }: NodeMessage): undefined {
    this.#participant.abort(checkpoint);
    if (this.#participant.checkpoint === undefined) this.#image = undefined;
    return undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  envelope(from: number, envelope: Envelope): void {
    this.#participant.record(from, envelope);
    this.#node.deliver(envelope, this.#now);
  }

  marker(from: number, checkpoint: number): void {
    if (this.#participant.marker(from, checkpoint) === 'cut') this.#cut(checkpoint);
    if (this.#participant.isComplete) this.#complete();
  }

  #giveUp({ name, message, ...rest }: Failure): void {
    this.#ended = undefined;
    const { slot, failed } = this.#options;
    failed({
      kind: 'user-code',
      name: 'HoldfastError',
      code: 'ERR_HOLDFAST_USER_CODE',
      message: `the supervisor at the top of node ${slot} has given up: ${name}: ${message}`,
      cause: { name, message, ...rest },
    });
  }

  /** N1 */
  get #mayTake(): boolean {
    if (this.#owed <= 0 || this.#lanes.isBlocked || !this.#node.hasWork) return true;
    return performance.now() - this.#takenMs >= TAKE_AFTER_MS;
  }

  /** N3 */
  #cut(checkpoint: number): void {
    const { block } = this.#options;
    const { phase } = block;
    block.phase = 'capturing';
    this.#image = undefined;
    this.#lanes.mark(checkpoint);
    try {
      this.#image = encodeImage(viewOf(this.#node));
    } catch (error) {
      this.#decline(checkpoint, error); // N4
    } finally {
      block.phase = phase;
    }
  }

  #complete(): void {
    const { slot, epoch, report } = this.#options;
    const { checkpoint, channels } = this.#participant.taken();
    const image = this.#image!;
    this.#image = undefined;
    try {
      const sections = { image, channels: encodeChannels(channels) };
      const buffers = [sections.image.buffer, sections.channels.buffer];
      report({ kind: 'node-part', slot, epoch, checkpoint, sections }, buffers);
    } catch (error) {
      this.#decline(checkpoint, error);
    }
  }

  #decline(checkpoint: number, error: unknown): void {
    const { slot, epoch, report } = this.#options;
    this.#participant.abort(checkpoint);
    const failure = toFailure(error, 'user-code', { slot });
    report({ kind: 'node-declined', slot, epoch, checkpoint, failure });
  }

  get #isDue(): boolean {
    const due = this.#node.nextDeadline();
    return due !== undefined && due <= this.#now;
  }

  #receiver(envelope: Envelope): number | undefined {
    switch (envelope.kind) {
      case 'message':
        return this.#options.homeOf(envelope.to.path);
      case 'answer':
        return envelope.ask.node;
      case 'command':
        return OUTSIDE;
      case 'credit':
        return undefined; // Whoever sends over a lane does not wait for room in a mailbox.
    }
  }

  #tell(): void {
    const { slot, epoch, report } = this.#options;
    const events = this.#events;
    this.#events = [];
    report({ kind: 'node-events', slot, epoch, events });
  }
}
