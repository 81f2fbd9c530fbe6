/**
 * The state that a handler works on: a draft of it, which becomes the next state when the handler has ended well, and
 * is dropped when it throws. A draft that is used afterwards throws ERR_HOLDFAST_OUTSIDE_CALLBACK, or what
 * base/stale-draft.ts makes that of. A flat state has a draft of its own, any other one immer's.
 */

import { enableMapSet, Immer, isDraftable } from 'immer';
import { badOption } from '../../base/option-checks.js';
import { type DraftNames, FlatDraft, isFlat } from '../draft/flat-draft.js';

enableMapSet();
const immer = new Immer({ autoFreeze: false });

/** An open draft. */
export interface StateDraft {
  readonly draft: object;
  /** Undefined: it is immer's. */
  readonly flat: FlatDraft | undefined;
}

/** The drafts of one definition's states. */
export class StateDrafts {
  readonly #names: DraftNames;
  readonly #isPlain: boolean;

  /** @param isPlain immer's for all, to compare */
  constructor(actor: string, isPlain: boolean) {
    this.#names = { where: `a handler of actor '${actor}'`, name: 'state' };
    this.#isPlain = isPlain;
  }

  open(base: object): StateDraft {
    if (!this.#isPlain && isFlat(base)) {
      const flat = new FlatDraft(base, this.#names);
      return { draft: flat.draft, flat };
    }
    return { draft: immer.createDraft(base) as object, flat: undefined };
  }
}

/** The next state. The draft is closed. */
export function nextState({ draft, flat }: StateDraft): object {
  return flat === undefined ? (immer.finishDraft(draft as never) as object) : flat.next();
}

/** The draft is closed; the state is what it was. */
export function dropDraft({ draft, flat }: StateDraft): void {
  if (flat !== undefined) {
    flat.close();
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
