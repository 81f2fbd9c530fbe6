/**
 * Who a process is, beyond its number: numbers are used again, within seconds in a container, where the
 * first process is always 1.
 */

import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
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
    started: await startOf(process.pid),
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
  const started = await startOf(owner.pid);
  return started !== '' && owner.started !== '' && started !== owner.started ? 'dead' : 'alive';
}

async function startOf(pid: number): Promise<string> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // Field 22; the second is the command in parentheses and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${boot.trim()}/${fields[19] ?? ''}`;
  } catch {
    return '';
  }
}
