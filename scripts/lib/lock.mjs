/**
 * A lock between processes: a file that only one of them can create.
 *
 * Invariants
 *   L1  The holder touches the file every second; so a file that nobody has touched for
 *       STALE_MS has no holder, whatever its process number says (numbers are used again).
 *   L2  A holder on this machine that is no longer alive is not waited for.
 *   L3  A stale file is removed only under a second, short-lived lock and after another look:
 *       else two that saw the same stale file could each remove, and one would remove the
 *       other's fresh one.
 *   L4  A holder removes the file only while it bears the holder's own token.
 */

import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 1_000;
const STALE_MS = 30_000;
const POLL_MS = 100;
const WAIT_MS_MAX = 20 * 60_000;

/**
 * Runs `work` while holding the lock file at `path`; waits for another holder, at most 20 minutes.
 * @param say called with a sentence when there is something to wait for
 */
export async function withLock(path, say, work) {
  mkdirSync(dirname(path), { recursive: true });
  const token = randomUUID();
  const text = JSON.stringify({ pid: process.pid, host: hostname(), token });
  const startedAt = Date.now();
  let told = false;
  while (!create(path, text)) {
    if (isStale(path)) {
      if (takeAway(path)) continue;
    } else if (!told) {
      say(`waiting for process ${read(path)?.pid ?? '?'}, which is installing or building`);
      told = true;
    }
    if (Date.now() - startedAt > WAIT_MS_MAX) {
      throw new Error(`${path} has been held for 20 minutes; remove it if nobody is at work`);
    }
    await sleep(POLL_MS);
  }
  const beat = setInterval(() => touch(path), BEAT_MS);
  const release = () => {
    if (read(path)?.token === token) rmSync(path, { force: true });
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    process.removeListener('exit', release);
    release();
  }
}

function create(path, text) {
  try {
    writeFileSync(path, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isStale(path) {
  let touchedAt;
  try {
    touchedAt = statSync(path).mtimeMs;
  } catch {
    return false; // just released: the next attempt to create it will tell
  }
  if (Date.now() - touchedAt > STALE_MS) return true;
  const holder = read(path);
  return holder !== undefined && holder.host === hostname() && !isAlive(holder.pid);
}

/** @returns false when another is just doing it */
function takeAway(path) {
  const second = `${path}.takeover`;
  if (!create(second, '')) {
    // Its work takes a millisecond; one that is old was left behind by a process that was killed.
    if (ageMs(second) > STALE_MS) rmSync(second, { force: true });
    return false;
  }
  try {
    if (isStale(path)) rmSync(path, { force: true });
    return true;
  } finally {
    rmSync(second, { force: true });
  }
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** @returns undefined for a file that is gone, or not written to its end yet */
function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function touch(path) {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Taken from us while this process was stopped; L4 keeps us from removing another's.
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
