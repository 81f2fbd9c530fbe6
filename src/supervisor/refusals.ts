/** The answers of a supervisor to requests that it cannot grant, in OTP's words. */

import { isHoldfastError } from '../base/errors.js';
import {
  checkChildSpec,
  type ResolvedChildSpec,
  type ResolvedSupervisorSpec,
} from './child-spec.js';
import type { AdministrationEvent, AdministrationResult, Refusal } from './supervisor-protocol.js';

type Refused = AdministrationResult & { readonly kind: 'refused' };

const WORDS: Readonly<Record<Refusal, (about: string) => string>> = {
  'bad-child-spec': (about) => about,
  'already-started': (child) => `there is a child '${child}' already; choose another id.`,
  'already-present': (child) =>
    `there is a child '${child}', which is down; restart it, or delete it first.`,
  'not-found': (child) => `there is no child '${child}'.`,
  running: (child) => `'${child}' runs; terminate it first.`,
  restarting: (child) => `'${child}' waits for its start; terminate it first.`,
  stopping: (child) => `'${child}' is being stopped; ask again when it is down.`,
  'simple-one-for-one': () =>
    'children of a simple-one-for-one are forgotten when they end; start a new one.',
  'start-failed': (child) => `'${child}' could not start; see the failure.`,
  'not-running': () => 'the supervisor does not run: it has not started, is stopping, or is over.',
};

/** @param about the child's id, or the whole message for a bad specification */
export function refusal(reason: Refusal, about = ''): Refused {
  return { kind: 'refused', reason, message: WORDS[reason](about) };
}

/** The specification of a child that is to be added, or why it cannot be. */
export function requestedSpec(
  event: AdministrationEvent & { readonly kind: 'start-child' },
  { strategy, autoShutdown, children }: ResolvedSupervisorSpec,
): ResolvedChildSpec | Refused {
  try {
    if (strategy === 'simple-one-for-one') {
      if ('id' in event) return checkChildSpec({ ...children[0]!, id: event.id }, autoShutdown);
      const message = 'a child of a simple-one-for-one is given by its id: the template is known.';
      return refusal('bad-child-spec', message);
    }
    if ('spec' in event) return checkChildSpec(event.spec, autoShutdown);
    return refusal(
      'bad-child-spec',
      'a specification is needed: an id alone does not tell enough.',
    );
  } catch (error) {
    if (!isHoldfastError(error, 'ERR_HOLDFAST_BAD_CHILD_SPEC')) throw error;
    return refusal('bad-child-spec', error.message);
  }
}
