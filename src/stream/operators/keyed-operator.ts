/** What keyed operators share: key selection, state that passes through sections, and the changelog of their rows. */

import { CHANGES_TAG } from '../api/changelog.js';
import type { KeySelector } from '../api/key-selector.js';
import type { Operator, OperatorContext, Receiver, RestoredSection } from '../operator.js';
import { ownGroups } from '../state/own-groups.js';
import { refuseOtherKind, type StateDescription } from '../state/state-layout.js';
import { ChangeOutput } from './change-output.js';

export abstract class KeyedOperator implements Operator {
  readonly #state: StateDescription;
  protected readonly select: (record: unknown) => unknown;
  protected context!: OperatorContext;
  protected output!: Receiver;
  /** Where it is told how rows change; undefined: nobody asks. */
  protected changes: ChangeOutput | undefined;

  constructor(key: KeySelector, state: StateDescription) {
    this.select = key as (record: unknown) => unknown;
    this.#state = state;
  }

  open(context: OperatorContext, restored: readonly RestoredSection[]): void {
    this.context = context;
    this.output = context.output;
    const changes = context.side(CHANGES_TAG);
    if (changes !== undefined) this.changes = new ChangeOutput(changes, context);
    refuseOtherKind(context.operator, restored, this.#state);
    for (const section of restored) {
      const { section: own, formerly } = this.#state;
      if (section.name !== own && section.name !== formerly) continue;
      this.restore(section, ownGroups(context, section), () => context.alive());
    }
  }

  /** Adds what a section of its state holds, or one in which former versions kept it. @param owns as in the tables of state */
  protected abstract restore(
    section: RestoredSection,
    owns: (group: number) => boolean,
    alive: () => void,
  ): void;

  abstract onElement(record: unknown, timestamp: number, group: number, behind: number): void;

  onWatermark(timeMs: number): void {
    this.output.onWatermark(timeMs);
  }

  onIdle(isSilent: boolean): void {
    this.output.onIdle?.(isSilent);
  }

  get suspended(): boolean {
    return this.changes?.suspended === true;
  }

  resume(): void {
    this.changes?.resume();
  }
}
