/** What stands under a supervisor: actors and groups of them, as they are given and as plain data. */

import type { ChildSpec, SupervisorSpec } from '../../supervisor/child-spec.js';
import type { ActorDefinition } from '../actor-definition.js';

/** An actor under a supervisor. */
export interface ActorChild extends Omit<ChildSpec, 'type'> {
  // biome-ignore lint/suspicious/noExplicitAny: of any state, handlers and arguments
  readonly actor: ActorDefinition<any, any, any>;
  /** Handed to `initial` at each start. */
  readonly args?: unknown;
}

/** A supervisor; see `SupervisorSpec` for strategy, budget and back-off. */
export interface SuperviseOptions extends Omit<SupervisorSpec, 'children'> {
  readonly children: readonly (ActorChild | ActorGroup)[];
}

/** A supervisor under a supervisor. */
export interface ActorGroup extends SuperviseOptions, Omit<ChildSpec, 'type'> {}

type Named<T> = T extends { readonly children: unknown }
  ? Omit<T, 'children'> & { readonly children: readonly NamedChild[] }
  : Omit<T, 'actor'> & { readonly actor: string };
/** An actor or a group as plain data: definitions stand there by their names. */
export type NamedChild = Named<ActorChild> | Named<ActorGroup>;

export function withNames(child: ActorChild | ActorGroup): NamedChild {
  if ('children' in child) return { ...child, children: child.children.map(withNames) };
  return { ...child, actor: child.actor.name };
}

/** @param find the definition of a name */
export function withDefinitions(
  child: NamedChild,
  find: (actor: string) => ActorDefinition,
): ActorChild | ActorGroup {
  if ('children' in child) {
    return { ...child, children: child.children.map((below) => withDefinitions(below, find)) };
  }
  return { ...child, actor: find(child.actor) as unknown as ActorChild['actor'] };
}
