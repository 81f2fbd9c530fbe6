/**
 * Who a process is, beyond its number: numbers are used again, within seconds in a container, where the
 * first process is always 1.
 */

import { hostname } from 'node:os';
import { readFile, readlink } from '../../base/files.js';
import { errnoOf } from './file-system.js';

export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Boot and start time by the kernel, where it tells them (Linux); empty elsewhere. */
  readonly started: string;
  /** The space in which `pid` is valid (Linux); empty elsewhere. */
  readonly pidNamespace: string;
}

/** Where a lock looks at processes: the seam at which a simulation has processes of its own. */
export interface Processes {
  own(): Promise<ProcessIdentity>;
  livenessOf(owner: ProcessIdentity): Promise<'alive' | 'dead' | 'foreign'>;
}

/** Those of this machine. */
export const systemProcesses: Processes = { own: ownIdentity, livenessOf };

export async function ownIdentity(): Promise<ProcessIdentity> {
  return {
    pid: process.pid,
    host: hostname(),
    started: (await lifeOf(process.pid)).started,
    pidNamespace: await readlink('/proc/self/ns/pid').catch(() => ''),
  };
}

/**
 * `alive`: it runs, or may run where this process cannot see it. `dead`: certainly not.
 * `foreign`: on another machine or in another container, so nothing can be said.
 */
export async function livenessOf(owner: ProcessIdentity): Promise<'alive' | 'dead' | 'foreign'> {
  const self = await ownIdentity();
  if (owner.host !== self.host || owner.pidNamespace !== self.pidNamespace) return 'foreign';
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's.
    if (errnoOf(error) === 'ESRCH') return 'dead';
  }
  const { started, isZombie } = await lifeOf(owner.pid);
  if (isZombie) return 'dead';
  return started !== '' && owner.started !== '' && started !== owner.started ? 'dead' : 'alive';
}

interface Life {
  readonly started: string;
  /**
   * It has ended, all its threads included, and only its entry is left: where the first process of a
   * container collects nobody, for ever.
   */
  readonly isZombie: boolean;
}

/** As far as the kernel tells (Linux). */
async function lifeOf(pid: number): Promise<Life> {
  try {
    const files = ['/proc/sys/kernel/random/boot_id', `/proc/${pid}/stat`];
    const [boot, stat] = (await Promise.all(files.map(readFile))).map(String) as [string, string];
    // From field 3 on; the second is the command in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, threads, start] = [fields[0], Number(fields[17]), fields[19]];
    return {
      started: `${boot.trim()}/${start ?? ''}`,
      isZombie: (state === 'Z' || state === 'X') && threads <= 1,
    };
  } catch {
    return { started: '', isZombie: false };
  }
}
