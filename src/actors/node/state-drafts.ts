/**
 * The state that a handler works on: a draft of it, which becomes the next state when the handler has ended well, and
 * is dropped when it throws. A draft that is used afterwards throws ERR_HOLDFAST_OUTSIDE_CALLBACK, or what
 * base/stale-draft.ts makes that of. A flat state has a draft by code generated for its shape, any other one immer's.
 */

import { enableMapSet, Immer, isDraftable } from 'immer';
import { badOption } from '../../base/option-checks.js';
import { FlatDrafts, type FlatShape } from '../draft/flat-drafts.js';

enableMapSet();
const immer = new Immer({ autoFreeze: false });

/** An open draft. */
export interface StateDraft {
  readonly draft: object;
  readonly base: object;
  /** Undefined: it is immer's. */
  readonly shape: FlatShape | undefined;
}

/** The drafts of one definition's states. */
export class StateDrafts {
  readonly #flat: FlatDrafts | undefined;

  /** @param isPlain immer's for all, to compare */
  constructor(actor: string, isPlain: boolean) {
    this.#flat = isPlain
      ? undefined
      : new FlatDrafts({ where: `a handler of actor '${actor}'`, name: 'state' });
  }

  open(base: object): StateDraft {
    const shape = this.#flat?.shapeOf(base);
    const draft = shape === undefined ? (immer.createDraft(base) as object) : shape.open(base);
    return { draft, base, shape };
  }
}

/** The next state. The draft is closed. */
export function nextState({ draft, base, shape }: StateDraft): object {
  return shape === undefined
    ? (immer.finishDraft(draft as never) as object)
    : shape.next(draft, base);
}

/** The draft is closed; the state is what it was. */
export function dropDraft({ draft, shape }: StateDraft): void {
  if (shape !== undefined) {
    shape.drop(draft);
    return;
  }
  try {
    immer.finishDraft(draft as never);
  } catch {
    // What is dropped may hold what no state can.
  }
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when there are no drafts of such a state */
export function checkState(actor: string, state: unknown): asserts state is object {
  if (typeof state === 'object' && state !== null && isDraftable(state)) return;
  throw badOption(`initial of actor '${actor}'`, state, 'a plain object, an array, a Map or a Set');
}
