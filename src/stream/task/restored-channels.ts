/**
 * Hands the task what was in flight when the restored checkpoint was taken: the task processes it before it
 * takes anything new (channel-recorder.ts, U7).
 *
 *  J1  A channel's elements come in the order in which they were sent: the consumer's recording, then the
 *      producer's from the consumer's position on. The two may lie in different parts and entries. Channels
 *      come one after the other; between channels of one operator there is no order.
 *  J2  A record whose key group another instance owns now is left to that instance. The channel led to the one that had
 *      the group: anything else is damage, for nobody would take the record (state/own-groups.ts).
 *  J3  Barriers are left out, for their checkpoints are over. Ends are left out, because whoever had ended ends
 *      again. Watermarks count where the channel is the same as it was. Where instances have changed they are
 *      left out: time then only comes later, with the producers' next watermarks.
 *  J4  Until what was captured has been processed, the next snapshot captures it again (`rest`).
 *  J5  With another parallelism two chains may have become one, of which several operators have something
 *      in flight. The upstream operator had processed what is in flight to the downstream one before what is
 *      still in flight to itself. So the most downstream operator's comes first, and order per key holds (I18).
 */

import { HoldfastError } from '../../base/errors.js';
import type { Batch, Element } from '../../channels/element.js';
import { positionOf, StoredFrames } from '../../channels/element-frames.js';
import type { Partition } from '../graph/graph.js';
import type { PortPlace } from '../graph/ports.js';
import type { RestoredSection } from '../operator.js';
import { misplaced } from '../state/own-groups.js';
import { type ChannelName, decodeChannel, parseChannelSection } from './channel-state.js';

export interface RestoredChannelsOptions {
  readonly restored: readonly {
    readonly operator: string;
    readonly sections: readonly RestoredSection[];
  }[];
  /** How many operators of the task's chain are ahead of this one. */
  readonly placeOf: (operator: string) => number;
  /** That input of an operator of the task's chain; undefined when there is none. */
  readonly inputOf: (
    operator: string,
    place: PortPlace,
  ) => { readonly partition: Partition } | undefined;
  readonly ownsGroup: (group: number) => boolean;
  /** Which instance of the operator had the group in the checkpoint; undefined when that is not known, or no group has moved. */
  readonly formerOwner: (operator: string, group: number) => number | undefined;
  /** Instances, or the owners of key groups, have changed since the checkpoint. */
  readonly isRescaled: boolean;
}

interface FoundChannel {
  readonly name: ChannelName;
  readonly isKeyed: boolean;
  readonly origin: RestoredSection['origin'];
  readonly kept: Uint8Array[];
  readonly sent: Uint8Array[];
}

interface Channel extends ChannelName {
  readonly operator: string;
  readonly isKeyed: boolean;
  readonly frames: readonly Uint8Array[];
  readonly origin: RestoredSection['origin'];
  at: number;
}

export interface RestoredElement extends PortPlace {
  /** The operator that the element was sent to. */
  readonly operator: string;
  readonly from: number;
  readonly element: Element;
}

export class RestoredChannels {
  readonly #given: RestoredChannelsOptions;
  readonly #channels: readonly Channel[];
  readonly #stored = new StoredFrames();
  #current = 0;

  /** @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_CORRUPT, ERR_HOLDFAST_GRAPH_INCOMPATIBLE */
  constructor(given: RestoredChannelsOptions) {
    this.#given = given;
    // A channel's two sections are in the parts of two tasks, and so perhaps in two entries.
    const sections = new Map<string, RestoredSection[]>();
    for (const entry of given.restored) {
      const known = sections.get(entry.operator) ?? [];
      sections.set(entry.operator, known);
      known.push(...entry.sections);
    }
    const downstreamFirst = [...sections].sort(
      ([one], [other]) => given.placeOf(other) - given.placeOf(one), // J5
    );
    this.#channels = downstreamFirst.flatMap(([operator, own]) => this.#channelsOf(operator, own));
    this.#skip();
  }

  /** Is anything left to be processed? */
  get ready(): boolean {
    return this.#current < this.#channels.length;
  }

  /** The next element that counts; undefined when none is left. A batch is valid until the next call. */
  take(): RestoredElement | undefined {
    while (this.ready) {
      const channel = this.#channels[this.#current]!;
      const element = this.#kept(channel, this.#stored.decode(channel.frames[channel.at]!));
      channel.at += 1;
      this.#skip();
      if (element !== undefined) {
        const { operator, port, input, from } = channel;
        return { operator, port, input, from, element };
      }
    }
    return undefined;
  }

  /** The frames of a channel that have not been processed. */
  rest(operator: string, { port, input }: PortPlace, from: number): readonly Uint8Array[] {
    return this.#channels
      .filter((one) => one.operator === operator && one.port === port)
      .filter((one) => one.input === input && one.from === from)
      .flatMap(({ frames, at }) => frames.slice(at));
  }

  #skip(): void {
    let channel = this.#channels[this.#current];
    while (channel !== undefined && channel.at === channel.frames.length) {
      this.#current += 1;
      channel = this.#channels[this.#current];
    }
  }

  #channelsOf(operator: string, sections: readonly RestoredSection[]): readonly Channel[] {
    const found = new Map<string, FoundChannel>();
    const positions = new Map<string, number>();
    for (const section of sections) {
      const name = parseChannelSection(section.name);
      if (name === undefined) continue;
      const edge = this.#given.inputOf(operator, name);
      if (edge === undefined) throw noInput(operator, name);
      const key = `${name.port}:${name.input}:${name.from}:${name.to}`;
      const isKeyed = edge.partition === 'hash';
      const entry = found.get(key) ?? { name, isKeyed, origin: section.origin, kept: [], sent: [] };
      found.set(key, entry);
      const { position, frames } = decodeChannel(section.bytes);
      if (name.side === 'output') entry.sent.push(...frames);
      else entry.kept.push(...frames);
      if (position !== undefined) positions.set(key, position);
    }
    return [...found]
      .map(([key, { name, isKeyed, origin, kept, sent }]): Channel => {
        const position = positions.get(key);
        const left = sent.filter(
          (frame) => position === undefined || ((positionOf(frame) - position) | 0) >= 0,
        );
        const { port, input, from, to } = name;
        const frames = [...kept, ...left];
        return { operator, port, input, from, to, isKeyed, origin, frames, at: 0 };
      })
      .sort((a, b) => a.port - b.port || a.input - b.input || a.from - b.from || a.to - b.to);
  }

  #kept(channel: Channel, element: Element): Element | undefined {
    switch (element.kind) {
      case 'batch':
        return channel.isKeyed ? this.#owned(channel, element) : element;
      case 'watermark':
        return this.#given.isRescaled ? undefined : element;
      default:
        return undefined; // J3
    }
  }

  /** J2 */
  #owned(channel: Channel, batch: Batch): Batch | undefined {
    const { operator } = channel;
    const { records, timestamps, behind, groups, count } = batch;
    if (groups === undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
        `the checkpoint holds records in flight to operator '${operator}' without keys, and it reads by key ` +
          "now. Give it another id with .uid(), or start afresh with restore: 'none'.",
      );
    }
    const own: number[] = [];
    for (let i = 0; i < count; i += 1) if (this.#isOwn(channel, groups[i]!)) own.push(i);
    if (own.length === count) return batch;
    if (own.length === 0) return undefined;
    return {
      kind: 'batch',
      records: own.map((i) => records[i]),
      timestamps:
        timestamps === undefined ? undefined : Float64Array.from(own, (i) => timestamps[i]!),
      behind: behind === undefined ? undefined : Float64Array.from(own, (i) => behind[i]!),
      groups: Uint16Array.from(own, (i) => groups[i]!),
      count: own.length,
    };
  }

  /** J2 */
  #isOwn({ operator, to, origin }: Channel, group: number): boolean {
    const { ownsGroup, formerOwner, isRescaled } = this.#given;
    const isOwn = ownsGroup(group);
    const former = formerOwner(operator, group);
    if (former === undefined ? isOwn || isRescaled : former === to) return isOwn;
    throw misplaced(operator, { instance: to, origin }, group, former);
  }
}

function noInput(operator: string, { port, input }: PortPlace): HoldfastError {
  const where = port === 0 ? '' : ` of port ${port + 1}`;
  return new HoldfastError(
    'ERR_HOLDFAST_GRAPH_INCOMPATIBLE',
    `the checkpoint holds records in flight to input ${input + 1}${where} of operator '${operator}', which has ` +
      "fewer inputs now. Restore it with the former job once more, or start afresh with restore: 'none'.",
    { details: { operator, port, input } },
  );
}
