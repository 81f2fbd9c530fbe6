/**
 * The door of the actors that users define. What an actor is at all, and the cell that a thread's scheduler runs, says
 * `actor.ts`. `node/` holds the actors of one thread; `workloads/actors/` runs such nodes on threads, and
 * `system/` is what those outside have of them.
 */

export type {
  ActorContext,
  ActorDown,
  ActorRef,
  AskAddress,
  AskOptions,
  AskResult,
  ReplyOptions,
  SpawnOptions,
} from './actor-context.js';
export {
  type ActorDefinition,
  type ActorSpec,
  type AnswerOf,
  defineActor,
  type ErrorVerdict,
  IGNORE,
  isActorDefinition,
  type MailboxOptions,
  type MailboxPolicy,
  type MessageName,
  type MessageOf,
} from './actor-definition.js';
export { type ActorHandle, LocalActors, type LocalOptions } from './local-actors.js';
export type { ActorChild, ActorGroup, SuperviseOptions } from './node/actor-child.js';
export { ActorNode, type ActorTreeNode, type NodeOptions } from './node/actor-node.js';
export { describeNode, type NodeImage, restoreNode } from './node/node-image.js';
export type { Envelope, NodeEvent } from './node/world.js';
