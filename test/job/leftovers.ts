/** What is left of a run that has ended: processes, locks, temporary and staged files. */

import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Where the jobs below test/ have their bundles. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/holdfast', import.meta.url));

export interface Places {
  readonly checkpoints?: string;
  /** Of an `ndjsonFiles` sink. Left out where staged output is the next run's to drop or commit. */
  readonly out?: string;
  /** The run's own folder for temporary files, all of which have to be gone. */
  readonly temporary?: string;
  /** A text that the environment of the run's processes had in it, and no other's. */
  readonly marker?: string;
  readonly pids?: readonly (number | undefined)[];
}

/** Names of everything that should not be there any more; empty when all is well. */
export async function leftovers(places: Places): Promise<string[]> {
  const found = [...(await abandoned(CACHE))];
  if (places.checkpoints !== undefined) {
    for (const path of await allIn(places.checkpoints)) {
      if (/(^|\/)(lock|tmp-)/.test(path)) found.push(`${places.checkpoints}: ${path}`);
    }
  }
  if (places.out !== undefined) {
    // What the run that owns the folder has written about itself stays: who it is, how far it has published.
    const staged = (await allIn(join(places.out, '.staging'))).filter(
      (path) => path !== 'run.json' && !/^published-\d{10}$/.test(path),
    );
    found.push(...staged.map((path) => `staged: ${path}`));
  }
  if (places.temporary !== undefined) {
    const files = await allIn(places.temporary);
    found.push(...files.map((path) => `temporary: ${path}`));
  }
  for (const pid of places.pids ?? []) {
    if (pid !== undefined && isAlive(pid)) found.push(`process ${pid}`);
  }
  if (places.marker !== undefined) found.push(...(await marked(places.marker)));
  return found;
}

/** A zombie, which nobody has collected yet, is not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    // Gone in between, or a system that does not tell.
    return !existsSync('/proc/self/stat');
  }
}

export async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(10);
}

async function allIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true }).catch(() => [])).map(String);
}

/** Unfinished bundles of processes that are gone: other tests may be compiling right now. */
async function abandoned(cache: string): Promise<readonly string[]> {
  return (await allIn(cache)).filter((path) => {
    const pid = /(?:\.|\.probe-)(\d+)-[0-9a-f]{12}(?:\.tmp)?$/.exec(path)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  });
}

/** Where the system tells: all processes that were started with this in their environment. */
async function marked(marker: string): Promise<readonly string[]> {
  if (!existsSync('/proc/self/environ')) return [];
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.includes(marker)) found.push(`process ${pid} of ${marker}`);
  }
  return found;
}
