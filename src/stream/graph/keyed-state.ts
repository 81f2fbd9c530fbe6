import { BROADCAST_SECTION } from '../api/broadcast.js';
import type { GraphNodeData } from './graph.js';

/** Has the operator state by key? What it emits is its own then. (What every instance has, as of a look-up, is not by key.) */
export function keepsKeyedState({ states }: Pick<GraphNodeData, 'states'>): boolean {
  return states.some(({ section }) => section !== BROADCAST_SECTION);
}
