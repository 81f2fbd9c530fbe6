/** What those outside have a node do, as plain data that travels in its lane like a message. */

import type { ActorRef, AskAddress, SpawnOptions } from '../actor-context.js';
import type { NamedChild } from './actor-child.js';

/** A node is to do something, and to answer. */
export interface CommandEnvelope {
  readonly kind: 'command';
  readonly command: ActorCommand;
  readonly ask: AskAddress;
}

export type ActorCommand =
  /** Answers the `ActorRef`. The incarnation is the commander's choice, negative: told again, it gives the same ref. */
  | {
      readonly kind: 'spawn';
      readonly actor: string;
      readonly options: SpawnOptions & { readonly id: string };
      readonly incarnation: number;
    }
  /**
   * Adds it under the supervisor of a path; an empty path is the top. Answers an `AdministrationResult`. All actors that
   * begin with it have this incarnation, which is chosen as that of a spawn.
   */
  | {
      readonly kind: 'supervise';
      readonly path: string;
      readonly child: NamedChild | string;
      readonly incarnation: number;
    }
  /** Ends an actor in order. Answers nothing, as soon as that has begun. */
  | { readonly kind: 'stop'; readonly ref: ActorRef }
  /** Answers an `AdministrationResult`. */
  | {
      readonly kind: 'administer';
      readonly action: 'terminate-child' | 'restart-child' | 'delete-child';
      readonly path: string;
    }
  /** Answers the `ActorRef` of what is there or comes back, or undefined. */
  | { readonly kind: 'find'; readonly path: string };

/** Whom a command is about: its home is where it goes. */
export function subjectOf(command: ActorCommand): string {
  switch (command.kind) {
    case 'spawn':
      return command.options.id;
    case 'supervise': {
      const { path, child } = command;
      return path === '' ? idOf(child) : path;
    }
    case 'stop':
      return command.ref.path;
    case 'administer':
    case 'find':
      return command.path;
  }
}

export function idOf(child: string | { readonly id: string }): string {
  return typeof child === 'string' ? child : child.id;
}
