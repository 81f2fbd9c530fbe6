/** What tests of systems share. */

import { afterEach } from 'vitest';
import { decodeNodePart } from '../../../dist/actors/snapshot/node-part.js';
import type { CheckpointStore } from '../../../dist/checkpoint/store.js';
import { ActorSystem, type SystemOptions } from '../../../dist/system/index.js';
import { readNodes } from '../../../dist/system/snapshots.js';

/** @returns starts systems of these actors. Each is stopped behind its test. */
export function starting(actors: SystemOptions['actors']) {
  const systems: ActorSystem[] = [];
  afterEach(async () => {
    const running = systems.splice(0);
    await Promise.all(running.map((system) => system.stop({ snapshot: false }).catch(() => {})));
  });
  return async (options: Partial<SystemOptions> = {}): Promise<ActorSystem> => {
    const system = await ActorSystem.start({ actors, ...options });
    systems.push(system);
    return system;
  };
}

export interface MoneyRules {
  /** What an account begins with. */
  readonly opening: number;
  /** The handler whose message brings an `amount`. */
  readonly handler: string;
  /** An actor whose balance does not count. */
  readonly except?: string;
}

/** Of a snapshot: money above what accounts began with, and how much is on its way to them. */
export async function moneyIn(
  store: CheckpointStore,
  checkpoint: number,
  { opening, handler, except }: MoneyRules,
): Promise<{ readonly kept: number; readonly onItsWay: number }> {
  const given = (one: { readonly handler: string; readonly message: unknown }): number =>
    one.handler === handler ? (one.message as { readonly amount: number }).amount : 0;
  let kept = 0;
  let onItsWay = 0;
  for (const part of await readNodes(store, await store.readManifest(checkpoint))) {
    const { image, channels } = decodeNodePart(part);
    for (const { path, state, letters = [], more } of image.cells) {
      if (path !== except) kept += (state as { readonly balance: number }).balance - opening;
      for (const letter of letters) onItsWay += given(letter);
      for (const { letter } of more?.waiters ?? []) onItsWay += given(letter);
    }
    for (const envelope of channels.flatMap(({ envelopes }) => envelopes)) {
      if (envelope.kind === 'message') onItsWay += given(envelope);
    }
  }
  return { kept, onItsWay };
}
