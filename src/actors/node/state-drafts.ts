/**
 * The state that a handler works on: a draft of it, which becomes the next state when the handler has ended well, and
 * is dropped when it throws. A draft that is used afterwards throws (base/stale-draft.ts names that).
 */

import { enableMapSet, Immer, isDraftable } from 'immer';
import { badOption } from '../../base/option-checks.js';

export interface Drafts {
  open(state: object): object;
  /** The next state. The draft is closed. */
  next(draft: object): object;
  /** The draft is closed; the state is what it was. */
  drop(draft: object): void;
}

enableMapSet();
const immer = new Immer({ autoFreeze: false });

export const immerDrafts: Drafts = {
  open: (state) => immer.createDraft(state) as object,
  next: (draft) => immer.finishDraft(draft as never) as object,
  drop: (draft) => {
    try {
      immer.finishDraft(draft as never);
    } catch {
      // What is dropped may hold what no state can.
    }
  },
};

/** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when there are no drafts of such a state */
export function checkState(actor: string, state: unknown): asserts state is object {
  if (typeof state === 'object' && state !== null && isDraftable(state)) return;
  throw badOption(`initial of actor '${actor}'`, state, 'a plain object, an array, a Map or a Set');
}
