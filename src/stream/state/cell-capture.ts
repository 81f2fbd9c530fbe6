/** A snapshot of a cell table under way. V1, V8 … are rules of cell-table.ts. */

import type { Capture, CapturedState } from '../operator.js';
import type { Cell } from './cell.js';
import type { CellChanges } from './cell-changes.js';
import { CellSectionWriter } from './cell-section.js';
import type { PackedBatch } from './packed-cells.js';

const CELLS_PER_LOOK_AT_THE_CLOCK = 32;

/** Cells to be walked through. */
interface CellWalk {
  readonly namespace: number | undefined;
  /** The cells may change between slices: deleted cells are gone from it, new ones are skipped. */
  readonly cells: Iterable<Cell>;
}

export interface CellCaptureOptions {
  /** Name of the section. */
  readonly section: string;
  readonly operator: string;
  readonly layout: string;
  /** Number of the cut (cell-table.ts, V1). */
  readonly number: number;
  /** The `seen` of a cell that the walker has saved. */
  readonly savedMark: number;
  /** Number of cells in the table. */
  readonly live: number;
  /** The cells as of the cut. */
  readonly walks: readonly CellWalk[];
  /** Only the changes since a checkpoint are captured. */
  readonly delta:
    | {
        readonly base: number;
        /** Number of the checkpoint's cut. */
        readonly since: number;
        readonly changes: CellChanges;
      }
    | undefined;
  /** Where cells keep the bytes of their values (packed-cells.ts). */
  readonly packs: PackedBatch | undefined;
  /** As in the options of a cell table. */
  readonly ownLevels: number;
  /** Called when all cells are encoded, or the snapshot was given up. */
  readonly done: () => void;
}

export class CellCapture implements Capture {
  readonly #given: CellCaptureOptions;
  readonly #writer: CellSectionWriter;
  /** Cells with a lower `seen` are not among those captured (cell-table.ts, V8). */
  readonly #since: number;
  #open = true;
  #walk = 0;
  #cells: Iterator<Cell> | undefined;
  #error: unknown;
  #failed = false;

  constructor(given: CellCaptureOptions) {
    const { delta, operator, layout, packs, ownLevels } = given;
    this.#given = given;
    this.#writer = new CellSectionWriter(operator, layout, delta !== undefined, packs, ownLevels);
    this.#since = delta?.since ?? 0;
    if (delta !== undefined) this.#tombstones(delta.changes);
  }

  /** The cell is about to change: encodes its value if that is still to be done. Never throws: `step` does. */
  save(namespace: number | undefined, cell: Cell): void {
    if (cell.seen < this.#given.number - 1 && cell.seen >= this.#since) {
      this.#encode(namespace, cell, false);
    }
  }

  step(deadline: number): boolean {
    while (this.#open && !this.#failed) {
      if (!this.#slice()) this.#close();
      else if (performance.now() >= deadline) break;
    }
    this.#given.packs?.settle();
    if (this.#failed) {
      this.#close();
      throw this.#error;
    }
    return !this.#open;
  }

  take(): CapturedState {
    this.step(Number.POSITIVE_INFINITY);
    const { section: name, delta, packs, live } = this.#given;
    const chunks = this.#writer.finish();
    packs?.settle();
    const { entries } = this.#writer;
    return { sections: [{ name, chunks, on: delta?.base, entries, live }] };
  }

  abort(): void {
    this.#close();
  }

  /** Encodes a few cells; false when there are no more. */
  #slice(): boolean {
    const { walks, number, savedMark } = this.#given;
    for (let work = 0; work < CELLS_PER_LOOK_AT_THE_CLOCK; work += 1) {
      const walk = walks[this.#walk];
      if (walk === undefined) return false;
      this.#cells ??= walk.cells[Symbol.iterator]();
      const next = this.#cells.next();
      if (next.done === true) {
        this.#walk += 1;
        this.#cells = undefined;
      } else if (next.value.seen < number - 1) {
        next.value.seen = savedMark;
        this.#encode(walk.namespace, next.value, true);
      }
    }
    return true;
  }

  #encode(namespace: number | undefined, cell: Cell, mayKeep: boolean): void {
    if (this.#failed) return;
    try {
      this.#writer.write(namespace, cell, mayKeep);
    } catch (error) {
      this.#fail(error);
    }
  }

  #tombstones({ dropped, deleted }: CellChanges): void {
    try {
      for (const namespace of dropped) this.#writer.drop(namespace);
      for (const { namespace, group, key } of deleted) this.#writer.remove(namespace, group, key);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#error = error;
    this.#failed = true;
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#given.done();
  }
}
