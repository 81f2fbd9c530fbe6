/** The ways to die that `job.kill` offers inside the thread: for demonstrations and tests. */

import type { KillCause } from './host-protocol.js';

interface Link {
  readonly next: Link | undefined;
  readonly payload: readonly number[];
}

const LINKS_PER_TURN = 20_000;

export function die(cause: KillCause): void {
  switch (cause) {
    case 'throw':
      setImmediate(() => {
        throw new PlannedCrash('this thread was told to throw');
      });
      return;
    case 'exit':
      process.exit(3);
      return;
    case 'hang':
      setImmediate(() => {
        for (;;);
      });
      return;
    case 'out-of-memory':
      setImmediate(hoard, undefined);
  }
}

/**
 * Hoards many small objects, a chunk per turn. One big allocation, or a growing array, would abort the
 * whole process instead of ending the thread.
 */
function hoard(kept: Link | undefined): void {
  let head = kept;
  for (let i = 0; i < LINKS_PER_TURN; i += 1) head = { next: head, payload: [i, i, i, i] };
  setImmediate(hoard, head);
}

/** What a `throw` kill throws, so that it can be told from a real failure. */
export class PlannedCrash extends Error {
  override readonly name = 'PlannedCrash';
}
