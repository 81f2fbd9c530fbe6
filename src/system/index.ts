/** The door of systems of actors. Not exported from the package yet. */

export type { AnyDefinition } from '../actors/actor-definition.js';
export {
  ActorSystem,
  type SystemAskOptions,
  type SystemHandle,
  type TellOptions,
} from './actor-system.js';
export type { SnapshotEvent } from './snapshots.js';
export type { SystemEvents } from './system-driver.js';
export type { SystemStatus } from './system-machine.js';
export type { SnapshotOptions, SystemOptions } from './system-options.js';
