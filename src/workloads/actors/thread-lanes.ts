/**
 * The ends, on one thread, of the lanes between all threads: of a node, or of what is outside.
 *
 *  L1  What is sent to one thread arrives in order, and a marker stands between what was sent before it and after.
 *  L2  Nothing is refused: what has no room in the ring waits here. Then `isBlocked` is true, and whoever sends stops
 *      working until it is false. What comes in is taken nonetheless: otherwise two threads that both wait for room
 *      would wait for ever.
 *  L3  While anything waits, the receiving thread rings this one's doorbell as it makes room (ring.ts, R3).
 */

import type { Envelope } from '../../actors/node/world.js';
import { OUTSIDE } from '../../actors/placement.js';
import { NOT_BEHIND } from '../../channels/element.js';
import { createRing } from '../../channels/ring.js';
import { RingInput, RingOutput } from '../../channels/ring-channel.js';
import { ControlBlock } from '../../threads/control-block.js';
import type { LaneSpec, LanesSpec } from './actor-types.js';
import { type LaneRecord, packed, unpacked } from './lane-record.js';

export interface ThreadLanesOptions extends LanesSpec {
  /** This thread's lane index. */
  readonly index: number;
}

/** New lanes between all nodes, and between each of them and outside. @param ringBytes of each ring */
export function lanesBetween(nodes: number, ringBytes: number | (() => number)): LaneSpec[] {
  const threads = Array.from({ length: nodes + 1 }, (_, index) => index);
  const bytes = typeof ringBytes === 'number' ? () => ringBytes : ringBytes;
  return threads.flatMap((from) =>
    threads.filter((to) => to !== from).map((to) => ({ from, to, ring: createRing(bytes()) })),
  );
}

/** What comes in. `from` is a node's number, or `OUTSIDE`. */
export interface LaneReader {
  envelope(from: number, envelope: Envelope): void;
  marker(from: number, checkpoint: number): void;
}

export class ThreadLanes {
  /** Nodes, and `OUTSIDE`, from whom there is a lane. */
  readonly senders: readonly number[];
  readonly #inputs: readonly { readonly from: number; readonly channel: RingInput }[];
  /** By the receiver's number + 1. */
  readonly #outputs: (RingOutput | undefined)[];
  readonly #gate = { closed: false };

  constructor({ index, nodes, epoch, incarnation, blocks, lanes }: ThreadLanesOptions) {
    const node = (lane: number) => (lane === nodes ? OUTSIDE : lane);
    const block = (lane: number) => new ControlBlock(blocks[lane]!);
    this.#inputs = lanes
      .filter(({ to }) => to === index)
      .map(({ from, ring }) => ({
        from: node(from),
        channel: new RingInput({ ring, block: block(from), epoch }),
      }));
    this.senders = this.#inputs.map(({ from }) => from);
    this.#outputs = new Array<RingOutput | undefined>(nodes + 1).fill(undefined);
    for (const { from, to, ring } of lanes) {
      if (from !== index) continue;
      this.#outputs[node(to) + 1] = new RingOutput({
        ring,
        block: block(to),
        gate: this.#gate,
        epoch,
        incarnation,
        areCopies: true,
      });
    }
  }

  /** Too much waits for room: nothing should be done now that sends more. */
  get isBlocked(): boolean {
    return this.#gate.closed;
  }

  /** There is something to take, or room for what waits. */
  get isReady(): boolean {
    return this.pump() || this.#inputs.some(({ channel }) => channel.ready);
  }

  /** What is sent leaves with the next `flush`, or before. It is taken apart here and now. */
  send(to: number, envelope: Envelope): void {
    this.#outputs[to + 1]!.push(packed(envelope), Number.NaN, 0, NOT_BEHIND);
  }

  /** Puts a marker into every lane. */
  mark(checkpoint: number): void {
    for (const output of this.#outputs) output?.control({ kind: 'barrier', checkpoint });
  }

  /** As much as lies in one batch of each lane. @returns how many envelopes and markers there were */
  take(reader: LaneReader): number {
    let taken = 0;
    for (const { from, channel } of this.#inputs) {
      const element = channel.take();
      if (element === undefined) continue;
      if (element.kind === 'barrier') {
        reader.marker(from, element.checkpoint);
        taken += 1;
      } else if (element.kind === 'batch') {
        const { records, count } = element;
        for (let at = 0; at < count; at += 1)
          reader.envelope(from, unpacked(records[at] as LaneRecord));
        taken += count;
      }
    }
    return taken;
  }

  flush(): void {
    for (const output of this.#outputs) output?.flush();
  }

  /** Moves what waits for room. @returns whether anything moved */
  pump(): boolean {
    let moved = false;
    let isBlocked = false;
    for (const output of this.#outputs) {
      if (output === undefined) continue;
      if (output.pump()) moved = true;
      if (output.blocked) isBlocked = true;
    }
    this.#gate.closed = isBlocked;
    return moved;
  }
}
