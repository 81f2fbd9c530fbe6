/**
 * What time it is for a task (I25), by a model of its inputs: what each of them has said last, whichever the order.
 *
 *  N1  It is the least that an input has said which is neither over nor idle.
 *  N2  When all that go on are idle, it is the least of those that are not silent; there is none when all are.
 *      An input is silent that has said no time, or says so.
 *  N3  A task is silent when all its inputs that go on are.
 */

import type { Element, InputChannel } from '../../src/channels/element.js';
import { localChannel } from '../../src/channels/local-channel.js';
import { RingInput } from '../../src/channels/ring-channel.js';
import { RestoredChannels, type RestoredElement } from '../../src/stream/task/restored-channels.js';
import { TaskInputs } from '../../src/stream/task/task-inputs.js';
import { allOf, patch, patchGetter } from './patch.js';

interface ModelInput {
  saidMs: number;
  isOver: boolean;
  rests: 'silent' | 'spoken' | undefined;
}

const NEVER = Number.NEGATIVE_INFINITY;

class ModelInputs {
  readonly #byChannel = new Map<InputChannel, ModelInput>();
  readonly #byName = new Map<string, ModelInput>();

  constructor({ channels }: TaskInputs) {
    for (const { channel, ...place } of channels) {
      const input: ModelInput = { saidMs: NEVER, isOver: false, rests: undefined };
      this.#byChannel.set(channel, input);
      this.#byName.set(nameOf(place), input);
    }
  }

  taken(from: InputChannel | RestoredElement, element: Element): void {
    const input = 'element' in from ? this.#byName.get(nameOf(from)) : this.#byChannel.get(from);
    if (input === undefined || element.kind === 'barrier') return;
    if (element.kind === 'idle') {
      input.rests = element.isSilent ? 'silent' : 'spoken';
      return;
    }
    input.rests = undefined;
    if (element.kind === 'watermark') input.saidMs = Math.max(input.saidMs, element.timeMs);
    if (element.kind === 'end' || input.saidMs === Number.POSITIVE_INFINITY) input.isOver = true;
  }

  get timeMs(): number {
    const going = this.#going;
    if (going.length === 0) return Number.POSITIVE_INFINITY;
    const awake = going.filter(({ rests }) => rests === undefined);
    if (awake.length > 0) return Math.min(...awake.map(({ saidMs }) => saidMs));
    const spoken = going.filter((input) => !isSilent(input));
    return spoken.length === 0 ? NEVER : Math.min(...spoken.map(({ saidMs }) => saidMs));
  }

  get isSilent(): boolean {
    return this.#going.every(isSilent);
  }

  /** Two that go on rest, and differ: so it matters which of them is silent. */
  get differ(): boolean {
    const going = this.#going;
    const silent = going.filter(({ rests, saidMs }) => rests === 'silent' && saidMs > NEVER);
    return silent.length > 0 && going.every(({ rests }) => rests !== undefined);
  }

  get #going(): readonly ModelInput[] {
    return [...this.#byChannel.values()].filter(({ isOver }) => !isOver);
  }
}

export interface InputsWatch {
  readonly violated: (what: string) => void;
  /** All inputs of a task rest, and one has a time that counts no more. */
  readonly onSilent: () => void;
}

/** Looks on until what it returns is called. */
export function watchInputs({ violated, onSilent }: InputsWatch): () => void {
  const models = new WeakMap<TaskInputs, ModelInputs>();
  const modelOf = (inputs: TaskInputs): ModelInputs => {
    const model = models.get(inputs) ?? new ModelInputs(inputs);
    models.set(inputs, model);
    return model;
  };
  let current: ModelInputs | undefined;
  return allOf([
    patch(TaskInputs.prototype, 'take', (original) => {
      return function (this: TaskInputs) {
        current = modelOf(this);
        try {
          return original.call(this);
        } finally {
          current = undefined;
        }
      };
    }),
    patch(RestoredChannels.prototype, 'take', (original) => {
      return function (this: RestoredChannels) {
        const restored = original.call(this);
        if (restored !== undefined) current?.taken(restored, restored.element);
        return restored;
      };
    }),
    ...[RingInput.prototype, localInput].map((prototype) =>
      patch(prototype, 'take', (original) => {
        return function (this: InputChannel) {
          const element = original.call(this);
          if (element !== undefined) current?.taken(this, element);
          return element;
        };
      }),
    ),
    patchGetter(TaskInputs.prototype, 'watermarkMs', (original) => {
      return function (this: TaskInputs) {
        const timeMs = original.call(this);
        const model = modelOf(this);
        if (model.differ) onSilent();
        if (timeMs !== model.timeMs) {
          violated(
            `I25: a task's inputs are at ${timeMs}, and what they say makes ${model.timeMs}`,
          );
        }
        return timeMs;
      };
    }),
    patchGetter(TaskInputs.prototype, 'isSilent', (original) => {
      return function (this: TaskInputs) {
        const isSaid = original.call(this);
        if (isSaid !== modelOf(this).isSilent) {
          violated(`I25: a task is ${isSaid ? 'silent' : 'not silent'}, and its inputs differ`);
        }
        return isSaid;
      };
    }),
  ]);
}

const isSilent = ({ rests, saidMs }: ModelInput): boolean => rests === 'silent' || saidMs === NEVER;

const nameOf = ({ operator, port, input, from }: Omit<RestoredElement, 'element'>): string =>
  `${operator} ${port}.${input} ${from}`;

/** The class of channels within a thread has no name outside. */
const localInput = Object.getPrototypeOf(
  localChannel({ capacityRecords: 1, gate: { closed: false, pause: false } as never }).input,
) as InputChannel;
