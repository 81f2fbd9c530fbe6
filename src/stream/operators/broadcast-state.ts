/**
 * Broadcast state: named states that every instance has as a whole, beside its keyed state.
 *
 *  B1  It is the state of one cell, which every instance owns. Each writes its own copy to each snapshot: at the cut
 *      instances may have taken different numbers of the stream's records, and what is in flight to an instance fits its
 *      own copy.
 *  B2  A restore takes the copy of the instance whose records in flight it takes over (task/channel-state.ts, V3):
 *      instance i that of instance i modulo the former parallelism.
 *  B3  It is written by the callback of the broadcast stream alone. Anything else would make the copies differ.
 */

import { HoldfastError } from '../../base/errors.js';
import { BROADCAST_SECTION, describeBroadcast } from '../api/broadcast.js';
import { type StateSpecs, slotsOf } from '../api/process.js';
import type { Capture, OperatorContext, RestoredSection } from '../operator.js';
import type { Cell } from '../state/cell.js';
import { KeyedState } from '../state/keyed-state.js';
import { type StateHandle, stateHandles } from '../state/state-handles.js';
import { slotEvolution } from './state-evolution.js';

/** The one cell's, of any operator and instance. */
const KEY = '';
const GROUP = 1;

export class BroadcastState {
  readonly handles: Readonly<Record<string, StateHandle>>;
  readonly #state: WritableState;

  constructor(specs: StateSpecs, context: OperatorContext, restored: readonly RestoredSection[]) {
    const slots = slotsOf({ state: specs });
    const description = describeBroadcast(specs);
    // Of no key group, so nothing of it moves.
    const owner = { ...context, ownsGroup: () => true, formerOwner: () => undefined };
    this.#state = new WritableState(owner, ownCopy(context, restored), {
      description,
      slots: slots.length,
      evolve: (before) => slotEvolution(context.operator, before, description, slots),
    });
    this.handles = stateHandles(slots, this.#state, context.records);
  }

  /** A callback begins. @param isWritable it is that of the broadcast stream (B3) */
  begin(isWritable: boolean): void {
    this.#state.isWritable = isWritable;
    this.#state.begin(KEY, KEY, GROUP);
  }

  end(): void {
    this.#state.end();
  }

  /** The callback has failed. */
  failed(): void {
    this.#state.failed();
  }

  capture(checkpoint: number, base?: number): Capture {
    return this.#state.capture(checkpoint, base);
  }
}

class WritableState extends KeyedState {
  isWritable = false;

  override change(): Cell {
    if (this.isWritable) return super.change();
    this.requireCallback();
    throw new HoldfastError(
      'ERR_HOLDFAST_USER_CODE',
      'broadcast state was changed in a callback that is not that of the broadcast stream. It is the same on every ' +
        'instance, so only onRight can change it: emit what is to change it as a record of that stream.',
    );
  }
}

/** B2 */
function ownCopy(
  { instance }: OperatorContext,
  restored: readonly RestoredSection[],
): readonly RestoredSection[] {
  const copies = restored.filter(({ name }) => name === BROADCAST_SECTION);
  const own = copies.find((copy) => copy.instance === instance);
  if (own !== undefined) return [own];
  // All copies are here: instances have changed, and this one is new.
  const former = copies[instance % Math.max(copies.length, 1)];
  return former === undefined ? [] : [{ ...former, checkpoint: undefined }];
}
