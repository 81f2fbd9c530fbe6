/**
 * Has a node do what those outside command.
 *
 *  O1  Each command is answered once: with a value, or with the failure that it ended in.
 *  O2  One whose answer is not there yet is part of the node's image. It begins anew after a restore, because what it
 *      had begun in the supervisors does as well (node-image.ts, I2).
 */

import { toFailure } from '../../base/failure.js';
import type { AdministrationResult } from '../../supervisor/supervisor-protocol.js';
import type { ActorRef, SpawnOptions } from '../actor-context.js';
import type { AnyDefinition } from '../actor-definition.js';
import { type ActorChild, type ActorGroup, withDefinitions } from './actor-child.js';
import type { ActorCommand, CommandEnvelope } from './command.js';
import type { World } from './world.js';

type Reply = (result: AdministrationResult) => void;

/** As much of a node as a command has to do with. */
interface Commanded {
  readonly world: World;
  spawn(definition: AnyDefinition, options: SpawnOptions, now: number): ActorRef;
  supervise(path: string, child: ActorChild | ActorGroup | string, now: number, reply: Reply): void;
  administer(
    action: (ActorCommand & { readonly kind: 'administer' })['action'],
    path: string,
    now: number,
    reply: Reply,
  ): void;
  stop(ref: ActorRef, now: number): void;
  refOf(path: string): ActorRef | undefined;
}

export function obey(node: Commanded, envelope: CommandEnvelope): void {
  const { world } = node;
  world.commands.add(envelope);
  const value = (result: unknown): void => {
    world.commands.delete(envelope);
    world.answer(envelope.ask, { ok: true, value: result });
  };
  try {
    const { command } = envelope;
    world.chosenIncarnation = 'incarnation' in command ? command.incarnation : undefined;
    perform(node, command, value);
  } catch (error) {
    world.commands.delete(envelope);
    world.answer(envelope.ask, { ok: false, failure: toFailure(error, 'user-code') });
  } finally {
    world.chosenIncarnation = undefined;
  }
}

/** @param value called once, at once if nothing has to be waited for */
function perform(node: Commanded, command: ActorCommand, value: (result: unknown) => void): void {
  const { now } = node.world;
  const definitionOf = (actor: string) => node.world.kindOf(actor).definition;
  switch (command.kind) {
    case 'spawn': {
      const { actor, options } = command;
      value(node.spawn(definitionOf(actor) as AnyDefinition, options, now));
      return;
    }
    case 'supervise': {
      const { path, child } = command;
      const whole = typeof child === 'string' ? child : withDefinitions(child, definitionOf);
      node.supervise(path, whole, now, value);
      return;
    }
    case 'administer':
      node.administer(command.action, command.path, now, value);
      return;
    case 'stop':
      node.stop(command.ref, now);
      value(undefined);
      return;
    case 'find':
      value(node.refOf(command.path));
  }
}
