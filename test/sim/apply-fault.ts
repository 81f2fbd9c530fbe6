/** What each kind of fault does to a simulation. */

import { join } from 'node:path';
import type { Random } from '../../src/base/random.js';
import type { Fault, FaultKind } from './faults.js';
import type { Life } from './life.js';
import type { Oracle } from './oracle.js';
import type { Settings } from './settings.js';
import { type SimDisk, WRITING } from './sim-disk.js';
import type { Ledger } from './sim-sinks.js';
import type { SimThread } from './sim-thread.js';
import { CHECKPOINTS } from './watched-store.js';
import type { World } from './world.js';

/** Observations and beats have their periods. */
const FOUND_AFTER_MS = 400;
const PARTS_PATH = join(CHECKPOINTS, 'parts');

/** What faults befall: the simulation, as far as they reach. */
export interface Afflicted {
  readonly world: World;
  readonly disk: SimDisk;
  readonly ledger: Ledger;
  readonly oracle: Oracle;
  readonly settings: Settings;
  readonly chance: Random;
  readonly life: Life | undefined;
  readonly threads: readonly SimThread[];
  readonly regions: number;
  readonly throwing: Set<number>;
  readonly unreadable: Set<number>;
  parallelism: number;
  isDamaged: boolean;
  met(kind: FaultKind): boolean;
  after(delayMs: number, act: () => void): void;
  trouble(forMs: number): void;
  endLife(): void;
}

/** @param thread that the moment was about, when there is one */
export function applyFault(sim: Afflicted, fault: Fault, thread: SimThread | undefined): void {
  const { world, disk, ledger } = sim;
  const { forMs } = fault;
  const untilMs = world.nowMs + forMs;
  const living = sim.threads;
  const isAbout = fault.kind === 'stale' || fault.chance < 0.6;
  const concerned = thread !== undefined && living.includes(thread) && isAbout;
  const victim = concerned ? thread : living[Math.floor(fault.whom * living.length)];
  const pipeline = Math.floor(fault.whom * sim.regions);
  switch (fault.kind) {
    case 'crash':
      victim?.crash('ended by itself with exit code 1');
      return;
    case 'throw':
      sim.throwing.add(pipeline);
      return;
    case 'source-fails':
      sim.unreadable.add(pipeline);
      return;
    case 'hang':
    case 'zombie':
      hang(sim, victim, fault);
      return;
    case 'pause':
      if (victim === undefined) return;
      world.freeze(victim.domain, forMs);
      return;
    case 'slow':
      if (victim === undefined) return;
      victim.domain.lookMs *= 20;
      sim.after(forMs, () => {
        victim.domain.lookMs /= 20;
      });
      return;
    case 'stale': {
      // What one thread tells comes when another's death has ended its epoch.
      const other = living.find((candidate) => candidate !== victim);
      victim?.delay('events', forMs);
      sim.after(fault.chance * 5, () => other?.crash('ended by itself with exit code 1'));
      return;
    }
    case 'late-events':
      victim?.delay('events', forMs);
      return;
    case 'late-control':
      victim?.delay('control', forMs);
      return;
    case 'late-beats':
      victim?.delay('beats', forMs);
      return;
    case 'main-pause':
      if (sim.life !== undefined) world.freeze(sim.life.main, forMs);
      return;
    case 'kill':
    case 'power-cut':
    case 'bit-flip':
      endProcess(sim, fault);
      return;
    case 'stop':
      rescale(sim, fault);
      void stop(sim);
      return;
    case 'eio':
    case 'enospc':
      disk.faults.push({
        code: fault.kind === 'eio' ? 'EIO' : 'ENOSPC',
        kinds: fault.chance < 0.3 ? ['sync', 'sync-directory'] : [...WRITING, 'rename'],
        untilMs,
        // Checkpoints fail, and the job goes on; or everything does.
        ...(fault.chance > 0.6
          ? { within: PARTS_PATH, share: 0.04 }
          : { share: fault.whom < 0.5 ? 1 : 0.2 }),
      });
      return;
    case 'short-write':
      disk.faults.push({ code: 'short', kinds: ['write'], untilMs, share: 0.3 });
      return;
    case 'slow-disk':
      disk.slow = { factor: 10 + fault.whom * 1_000, untilMs };
      sim.trouble(forMs + 5_000);
      return;
    case 'ledger-lost':
      ledger.trouble = { kind: 'lost-answer', untilMs };
      return;
    case 'ledger-refusal':
      ledger.trouble = { kind: 'refusal', untilMs };
      return;
    case 'ledger-slow':
      ledger.trouble = { kind: 'slow', untilMs };
      sim.trouble(forMs + 8_000);
  }
}

function hang(sim: Afflicted, victim: SimThread | undefined, fault: Fault): void {
  if (victim === undefined) return;
  victim.touched = true;
  if (fault.kind === 'zombie') victim.stubborn = true;
  sim.world.freeze(victim.domain, fault.forMs);
  if (fault.kind === 'zombie' || !victim.loaded) return;
  const { life } = sim;
  sim.after(sim.settings.heartbeatTimeoutMs + FOUND_AFTER_MS, () => {
    if (victim.dead || life?.over || life?.isEnding) return;
    // What is late keeps judgement waiting; so does whoever should judge.
    if (sim.met('main-pause') || sim.met('late-beats')) return;
    sim.oracle.violated(`I29: ${victim.domain.name} hangs, and nobody has found out`);
  });
}

function rescale(sim: Afflicted, { parallelism }: Fault): void {
  if (parallelism > 0) sim.parallelism = parallelism;
}

function endProcess(sim: Afflicted, fault: Fault): void {
  rescale(sim, fault);
  sim.life?.die();
  if (fault.kind === 'power-cut') sim.disk.cutPower(() => sim.chance.next());
  if (fault.kind === 'bit-flip') void flip(sim, fault).then(() => sim.endLife());
  else sim.endLife();
}

async function stop(sim: Afflicted): Promise<void> {
  const { life } = sim;
  if (life?.job === undefined) return;
  const { job } = life;
  sim.world.after(life.main, 0, () => {
    // How it ends is told by `finished`.
    job.stop().catch(() => {});
  });
}

/** One bit of a stored file: what is read of it later must not pass for what was written. */
async function flip(sim: Afflicted, fault: Fault): Promise<void> {
  const { files } = sim.disk;
  sim.disk.faults = [];
  const paths: string[] = [join(CHECKPOINTS, 'epoch')];
  for (const place of ['manifests', 'parts']) {
    const directory = join(CHECKPOINTS, place);
    const names = await files.list(directory).catch(() => []);
    // The newest ones are those that will be read.
    paths.push(...names.slice(-4).map((name) => join(directory, name)));
  }
  const path = paths[Math.floor(fault.whom * paths.length)]!;
  const size = (await files.size(path)) ?? 0;
  if (size === 0) return;
  const bit = Math.floor(fault.chance * size * 8);
  sim.isDamaged = true;
  sim.world.log(`bit ${bit} of ${path} is flipped`);
  files.damage(path, (bytes) => {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    return bytes;
  });
}
