/**
 * One run per checkpoint directory.
 *
 * The lock is a file with the owner's identity and a token of its own. It appears with its whole content
 * at once (a hard link to a finished file), and only if there was none.
 *
 *  X1  A live owner's lock is never taken. An owner on another machine or in another container cannot be
 *      judged and counts as live.
 *  X2  Only the holder of a claim on exactly that lock replaces a stale lock. A claim is a second lock, named
 *      by the stale one's token and taken in the same way. Under the claim the lock is read again and
 *      replaced by rename. So of several that try one succeeds, and nobody who looked too early replaces a
 *      fresh lock.
 *  X3  Whoever holds the lock looks again before each commit point (`verify`): when somebody deletes the
 *      file by hand, the former owner stops committing.
 *  X4  The lock's content is durable before its name is there. The lock itself need not outlive a power cut,
 *      because its owner does not. But a name without content would be a lock of nobody, which nobody may take.
 */

import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../../base/errors.js';
import { GONE } from '../../base/failure.js';
import { writeFully } from '../parts/part-io.js';
import { deletedError } from '../storage-errors.js';
import { replaceFile, writeTemporary } from './durable-file.js';
import { readWhole } from './file-reading.js';
import { errnoOf, type FileSystem } from './file-system.js';
import { type Processes, type ProcessIdentity, systemProcesses } from './process-identity.js';

export interface LockOwner extends ProcessIdentity {
  readonly token: string;
}

const ATTEMPTS_MAX = 8;
const CLAIM_PREFIX = 'lock-claim-';
/** It becomes part of a file's name. */
const TOKEN = /^[A-Za-z0-9]{1,64}$/;

/** Tokens given back by locks of this module whose file could not be removed: stale for certain. */
const givenBack = new Set<string>();

export class DirectoryLock {
  readonly #files: FileSystem;
  readonly #path: string;
  readonly #processes: Processes;
  #token: string | undefined;

  constructor(files: FileSystem, path: string, processes: Processes = systemProcesses) {
    this.#files = files;
    this.#path = path;
    this.#processes = processes;
  }

  get held(): boolean {
    return this.#token !== undefined;
  }

  /** Rejects with ERR_HOLDFAST_CHECKPOINT_LOCKED, or with what the file system says. */
  async acquire(): Promise<void> {
    const owner: LockOwner = {
      ...(await this.#processes.own()),
      token: randomBytes(12).toString('hex'),
    };
    await this.#seize(this.#path, Buffer.from(`${JSON.stringify(owner)}\n`));
    this.#token = owner.token;
    // A file that is in nobody's way may stay.
    await this.#removeLeftovers().catch(() => {});
  }

  /** Rejects with ERR_HOLDFAST_CHECKPOINT_LOCKED when the lock is no longer this one's (X3). */
  async verify(): Promise<void> {
    const found = await readLock(this.#files, this.#path);
    if (this.#token !== undefined && found?.owner?.token === this.#token) return;
    if (await this.#isDeleted()) throw deletedError(dirname(this.#path));
    const now = found?.owner === undefined ? 'it is gone' : `process ${found.owner.pid} has it`;
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_LOCKED',
      `this run has lost the lock '${this.#path}': ${now}. Something removed the file while the run was going on; nothing more is committed. Start the job again, alone on its directory.`,
      {
        details: {
          lock: this.#path,
          pid: found?.owner?.pid,
          ...(found === undefined ? { [GONE]: this.#path } : {}),
        },
      },
    );
  }

  /** Is the directory itself gone, and the checkpoints with it? */
  async #isDeleted(): Promise<boolean> {
    try {
      await this.#files.list(dirname(this.#path));
      return false;
    } catch (error) {
      return errnoOf(error) === 'ENOENT';
    }
  }

  /** Idempotent; takes away nobody else's lock. */
  async release(): Promise<void> {
    const token = this.#token;
    this.#token = undefined;
    if (token === undefined) return;
    givenBack.add(token);
    const found = await readLock(this.#files, this.#path);
    if (found?.owner?.token === token) await this.#files.remove(this.#path);
    givenBack.delete(token);
  }

  /** Puts `bytes` at `path` unless a live owner has it: the lock itself, or a claim (X1, X2). */
  async #seize(path: string, bytes: Uint8Array): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (await this.#place(path, bytes)) return;
      const found = await readLock(this.#files, path);
      if (found === undefined) continue;
      if (found.owner === undefined) throw this.#unreadable(path);
      const stale = givenBack.has(found.owner.token) || (await this.#isDead(found.owner));
      if (!stale) throw this.#locked(found.owner);
      const claim = join(dirname(path), `${CLAIM_PREFIX}${found.owner.token}`);
      await this.#seize(claim, bytes);
      try {
        if ((await readLock(this.#files, path))?.text === found.text) {
          await replaceFile(this.#files, path, 'lock', bytes, 'durable');
          return;
        }
      } finally {
        await this.#files.remove(claim).catch(() => {});
      }
    }
    throw new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_LOCKED',
      `the lock '${path}' changed hands ${ATTEMPTS_MAX} times while it was being taken: several runs start on one directory at once. Start one run per directory.`,
      { details: { lock: path } },
    );
  }

  /** Removes claims of processes that died while they took over. Claims of live processes stay. */
  async #removeLeftovers(): Promise<void> {
    const directory = dirname(this.#path);
    for (const name of await this.#files.list(directory)) {
      if (!name.startsWith(CLAIM_PREFIX)) continue;
      const owner = (await readLock(this.#files, join(directory, name)))?.owner;
      if (owner === undefined || !(await this.#isDead(owner))) continue;
      await this.#files.remove(join(directory, name)).catch(() => {});
    }
  }

  async #isDead(owner: ProcessIdentity): Promise<boolean> {
    return (await this.#processes.livenessOf(owner)) === 'dead';
  }

  /** False when there is a lock. */
  async #place(path: string, bytes: Uint8Array): Promise<boolean> {
    const directory = dirname(path);
    const temporary = await writeTemporary(this.#files, directory, 'lock', bytes);
    try {
      await this.#files.link(temporary, path);
      return true;
    } catch (error) {
      const errno = errnoOf(error);
      // ENOENT: whoever got the lock has cleared our temporary file away.
      if (errno === 'EEXIST' || errno === 'ENOENT') return false;
      // File systems without hard links: then the content comes a moment after the name.
      if (errno !== 'EPERM' && errno !== 'ENOTSUP' && errno !== 'ENOSYS') throw error;
      return await this.#create(path, bytes);
    } finally {
      await this.#files.remove(temporary).catch(() => {});
    }
  }

  async #create(path: string, bytes: Uint8Array): Promise<boolean> {
    let file: Awaited<ReturnType<FileSystem['create']>>;
    try {
      file = await this.#files.create(path);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    }
    try {
      await writeFully(file, bytes);
      await file.sync();
      await file.close();
      return true;
    } catch (error) {
      await file.close().catch(() => {});
      await this.#files.remove(path).catch(() => {});
      throw error;
    }
  }

  #locked(owner: LockOwner): HoldfastError {
    const where = owner.pid === process.pid ? 'this very process' : `process ${owner.pid}`;
    return new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_LOCKED',
      `the checkpoint directory '${dirname(this.#path)}' is in use by ${where} (pid ${owner.pid} on host '${owner.host}'). Wait for that run to end or stop it, or choose another directory. If that host or container is gone for good, delete '${this.#path}'.`,
      { details: { lock: this.#path, pid: owner.pid, host: owner.host } },
    );
  }

  #unreadable(path: string): HoldfastError {
    return new HoldfastError(
      'ERR_HOLDFAST_CHECKPOINT_LOCKED',
      `the lock '${path}' names no owner: it is damaged, or another run is just starting. If no job uses the directory, delete that file.`,
      { details: { lock: path } },
    );
  }
}

/** The lock's text and owner as they are now; undefined if there is none. */
export async function readLock(
  files: FileSystem,
  path: string,
): Promise<{ readonly text: string; readonly owner: LockOwner | undefined } | undefined> {
  let text: string;
  try {
    text = new TextDecoder().decode(await readWhole(files, path));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return { text, owner: parseOwner(text) };
}

function parseOwner(text: string): LockOwner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<LockOwner> | null;
    const { pid, host, started, pidNamespace, token } = owner ?? {};
    if (!Number.isSafeInteger(pid) || pid! <= 0) return undefined;
    if (typeof token !== 'string' || !TOKEN.test(token)) return undefined;
    const texts = [host, started, pidNamespace];
    return texts.every((value) => typeof value === 'string') ? (owner as LockOwner) : undefined;
  } catch {
    return undefined;
  }
}
