/**
 * The state of an operator by key, for callbacks: named states, and timers. The key travels beside its key group.
 *
 * A key has one cell (cell-table.ts), whose value is an array with a slot for each state; where there is only one, it
 * is that itself, since each step through memory shows, and a number is read and written without a look at its cell
 * (number-column.ts). So a record costs one look-up however many states there are,
 * the states of a key are always of one moment, and snapshots, changes and rescaling are those of any other cells. What
 * it costs: when one of a key's states changes, all of them are written to the next incremental snapshot.
 *
 *  S1  A slot is undefined, or holds a value that is not empty. A key whose slots are all undefined has no cell.
 *  S2  Slots change in place. `change` saves the cell for a snapshot under way before it gives them out.
 *  S3  State is of the key for which a callback runs, and of nobody in between: whoever uses it then is told.
 *  S4  Where failures are put aside, what a callback changes is noted, so that it can be undone.
 */

import { assert } from '../../base/assert.js';
import { HoldfastError } from '../../base/errors.js';
import type { PrimitiveKey } from '../../hashring/canonical-key.js';
import type { Capture, OperatorContext, RestoredSection } from '../operator.js';
import type { Cell } from './cell.js';
import { CellTable } from './cell-table.js';
import { detachedKey } from './detached.js';
import { KeyCells } from './key-cells.js';
import { isNumberTuple } from './number-tuple-index.js';
import { ownGroups } from './own-groups.js';
import { refuseOtherKind, type StateDescription } from './state-layout.js';

export interface KeyedStateOptions {
  readonly description: StateDescription;
  /** Number of slots. */
  readonly slots: number;
  /** As in the options of a cell table. */
  readonly evolve: (before: string) => (value: unknown, key: unknown) => unknown;
  /** As in the options of a cell table. */
  readonly packs?: boolean;
  /** On so many levels of what is in slots, arrays are the runtime's own (value-encoder.ts, E4). Default: none. */
  readonly ownLevels?: number;
}

export class KeyedState {
  readonly #context: OperatorContext;
  readonly #table: CellTable<KeyCells>;
  readonly #cells = new KeyCells();
  readonly #numbers = this.#cells.numbers;
  readonly #section: string;
  readonly #slots: number;
  /** There is one slot. */
  readonly #isSingle: boolean;
  /** What callbacks have changed since `begin` or `enter`, last change last; undefined where nothing is undone (S4). */
  readonly #undo: (() => void)[] | undefined;
  /** Event time of the callback: what is written has it. In ms; NaN or −∞ for none. */
  timeMs = Number.NaN;
  /** What has expired by then is gone for the callback: the same, or further where time is. */
  nowMs = Number.NaN;
  /** What the clock shows at the callback, for what expires by it; in ms. */
  clockMs = Number.NaN;
  /** Told when something of the current key expires, by event time and by the clock. */
  expires: ((atMs: number) => void) | undefined;
  expiresByClock: ((atMs: number) => void) | undefined;
  #key: unknown;
  #group = 0;
  /** Place of the cell of `#key`, also behind the callback; −1: it has none. */
  #place = -1;
  /** That cell, unless nobody has asked for it: `#cellOfKey` does. */
  #cell: Cell | undefined;
  /** Number of the current callback, counted from 1; 0 outside of callbacks. */
  #callback = 0;
  #callbacks = 0;
  #hasChanged = false;
  /** Something was kept that may hold on to the frame that it came in. */
  #mayHoldFrame = false;
  #mayBeEmpty = false;

  constructor(
    context: OperatorContext,
    restored: readonly RestoredSection[],
    { description, slots, evolve, packs, ownLevels = 0 }: KeyedStateOptions,
  ) {
    const { operator } = context;
    this.#context = context;
    this.#section = description.section;
    this.#slots = slots;
    this.#isSingle = slots === 1;
    this.#undo = context.undoes === true ? [] : undefined;
    this.#table = new CellTable({
      operator,
      layout: description.layout,
      evolve,
      packs,
      ownLevels: slots === 1 ? ownLevels : ownLevels + 1,
      cells: this.#cells,
    });
    if (context.incremental === true) this.#table.track();
    refuseOtherKind(operator, restored, description);
    for (const section of restored) {
      if (section.name !== description.section) continue;
      this.#table.restore(section, ownGroups(context, section), () => context.alive());
    }
  }

  /**
   * A callback begins, for a key.
   * @param key as rows show it, and nobody else holds it @param canonical its canonical form, if it is known
   */
  begin(key: unknown, canonical: PrimitiveKey | undefined, group: number): void {
    // Records of a key often follow each other.
    if (key !== this.#key || this.#place < 0 || typeof key === 'object') {
      this.#key = key;
      this.#group = group;
      this.#place = this.#cells.placeOf(key, group, canonical);
      this.#cell = undefined;
    }
    this.#open();
  }

  /** A callback begins, for a key that has a cell. */
  enter(cell: Cell): void {
    this.#key = cell.key;
    this.#group = cell.group;
    // Numbers are found by the place. Otherwise it only tells that there is a cell, and that is at hand.
    this.#place = this.#isSingle ? this.#cells.placeOf(cell.key, cell.group) : 0;
    this.#cell = cell;
    this.#open();
  }

  /** The callback has returned. */
  end(): void {
    this.#callback = 0;
    if (!this.#hasChanged) return;
    this.#hasChanged = false;
    if (this.#mayBeEmpty || this.#mayHoldFrame) this.#settle();
    if (this.#undo !== undefined && this.#undo.length > 0) this.#undo.length = 0;
  }

  /** The callback has failed: ends it. Where failures are put aside, what it has changed is undone. */
  failed(): void {
    const undo = this.#undo;
    if (undo !== undefined) {
      while (undo.length > 0) undo.pop()!();
      this.#mayBeEmpty = true;
    }
    this.end();
  }

  /** Notes how to undo a change (S4). */
  get undoes(): boolean {
    return this.#undo !== undefined;
  }

  note(undo: () => void): void {
    this.#undo?.push(undo);
  }

  /** @throws HoldfastError ERR_HOLDFAST_OUTSIDE_CALLBACK (S3) */
  get key(): unknown {
    this.requireCallback();
    return this.#key;
  }

  get group(): number {
    return this.#group;
  }

  /** What is in the slot of the current key. @throws HoldfastError as `key` */
  read(slot: number): unknown {
    this.requireCallback();
    const place = this.#place;
    if (place < 0) return undefined;
    if (!this.#isSingle) return slotsOf(this.#cellAt(place))[slot];
    const number = this.#numbers.at(place);
    return Number.isNaN(number) ? this.#cellAt(place).value : number;
  }

  /** Exchanges what is in the slot of the current key. @throws HoldfastError as `key` */
  write(slot: number, content: unknown): void {
    if (!this.#isSingle) slotsOf(this.change())[slot] = content;
    else if (typeof content === 'number') this.#writeNumber(content);
    else this.change().value = content;
  }

  /** The cell of the current key, which may be changed. @throws HoldfastError as `key` */
  change(): Cell {
    this.requireCallback();
    this.#hasChanged = true;
    if (this.#place < 0) return this.#create();
    const cell = this.#cellAt(this.#place);
    if (cell.seen < this.#table.active) this.#table.save(this.#table.bucket(), cell);
    cell.changes();
    return cell;
  }

  /** Tells what is being kept: numbers, say, hold no frame (held-frames.ts), and need no further look. */
  keeps(value: unknown): void {
    if (typeof value === 'object' || typeof value === 'string') this.#mayHoldFrame = true;
  }

  /** A slot has become undefined. */
  emptied(): void {
    this.#mayBeEmpty = true;
  }

  /** The number of the current callback: it tells whether another has begun since. @throws HoldfastError as `key` */
  requireCallback(): number {
    if (this.#callback === 0) throw outsideCallback();
    return this.#callback;
  }

  cells(): Generator<Cell> {
    return this.#cells.values();
  }

  capture(checkpoint: number, base?: number): Capture {
    this.#numbers.cut();
    return this.#table.capture(this.#section, checkpoint, base);
  }

  #open(): void {
    this.#callbacks += 1;
    this.#callback = this.#callbacks;
  }

  #cellAt(place: number): Cell {
    this.#cell ??= this.#cells.at(place);
    return this.#cell;
  }

  #writeNumber(number: number): void {
    this.requireCallback();
    if (this.#place >= 0 && this.#numbers.exchange(this.#place, number)) {
      this.#hasChanged = true;
      return;
    }
    const cell = this.change();
    if (Number.isNaN(number)) cell.value = number;
    else cell.liesIn(this.#numbers, this.#place, number);
  }

  #create(): Cell {
    const group = this.#group;
    assert(
      this.#context.ownsGroup(group),
      `a record of key group ${group} reached an instance without it`,
    );
    const slots = this.#isSingle ? undefined : new Array<unknown>(this.#slots).fill(undefined);
    const key = isNumberTuple(this.#key) ? this.#key : detachedKey(this.#key);
    const cell = this.#table.create(this.#table.bucket(), group, key, slots);
    this.#place = this.#cells.placeOf(key, group);
    this.#cell = cell;
    return cell;
  }

  /** What the callback has changed may be empty now, or hold on to a frame. */
  #settle(): void {
    const cell = this.#cellAt(this.#place);
    if (this.#mayBeEmpty && this.#isEmpty(cell)) {
      this.#table.delete(this.#table.bucket(), cell); // S1
      this.#place = -1;
      this.#cell = undefined;
    } else if (this.#mayHoldFrame) {
      this.#table.set(cell, cell.value);
    }
    this.#mayHoldFrame = false;
    this.#mayBeEmpty = false;
  }

  #isEmpty(cell: Cell): boolean {
    if (this.#isSingle) return cell.value === undefined;
    return slotsOf(cell).every((slot) => slot === undefined);
  }
}

/** The slots of an operator with several. */
export function slotsOf(cell: Cell): unknown[] {
  return cell.value as unknown[];
}

export function outsideCallback(): HoldfastError {
  return new HoldfastError(
    'ERR_HOLDFAST_OUTSIDE_CALLBACK',
    'state, timers, context or output of process(…) were used after their callback had returned. ' +
      'They belong to one call of onElement or onTimer: use them there, and keep copies of values only.',
  );
}
