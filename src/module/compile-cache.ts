/**
 * The folder of a bundle: `node_modules/.cache/holdfast/<hash>/` beside the job, or a private folder for
 * temporary files when nothing can be written there.
 *
 *  B1  A file appears whole or not at all: it is written under a name of its own, then renamed.
 *  B2  A folder that a living process has claimed, or that is younger than a day, is not removed, because
 *      respawns load from it.
 *  B3  The fallback folder belongs to this user and nobody else can write to it, because its files
 *      are executed.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  stat,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../base/errors.js';
import { makeDirectory } from '../base/make-directory.js';
import { messageOf } from '../base/realm.js';

const CLAIM = 'used-by-';
const KEPT_FOLDERS = 8;
const KEPT_MS = 86_400_000;

/**
 * The folder for content with this hash. It exists, and can be written to.
 * @throws HoldfastError ERR_HOLDFAST_ENVIRONMENT when there is no place for it
 */
export async function bundleFolder(jobFolder: string, hash: string): Promise<string> {
  const project = nearestProject(jobFolder);
  if (project !== undefined) {
    const folder = join(project, 'node_modules', '.cache', 'holdfast', hash);
    if (await makeWritable(folder)) return folder;
  }
  try {
    const folder = join(await privateFolder(), hash);
    await makeDirectory(folder);
    return folder;
  } catch (cause) {
    throw new HoldfastError(
      'ERR_HOLDFAST_ENVIRONMENT',
      `there is no place for the compiled job: neither the node_modules folder of ${jobFolder} nor the folder for ` +
        `temporary files (${tmpdir()}) can be written to: ${messageOf(cause)}. Make one of them writable, or name ` +
        'another one by TMPDIR.',
      { cause, details: { folder: jobFolder } },
    );
  }
}

/**
 * Writes files that are not there yet. Files that are there are compared, and replaced if they differ. It is done at
 * once, because a thread may be about to load them.
 */
export function writeBundle(folder: string, files: Readonly<Record<string, Uint8Array>>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    if (!isContent(path, content)) writeWhole(path, content);
  }
}

function isContent(path: string, content: Uint8Array): boolean {
  try {
    return readFileSync(path).equals(content);
  } catch {
    return false;
  }
}

/** Writes a file whole or not at all (B1). */
function writeWhole(path: string, content: Uint8Array): void {
  const temporary = `${path}.${process.pid}-${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, content, { flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Notes that this process loads from the folder (B2). */
export async function claimBundle(folder: string): Promise<void> {
  const now = new Date();
  await utimes(folder, now, now);
  await writeFile(join(folder, `${CLAIM}${process.pid}`), '');
  for (const claim of await claims(folder)) {
    if (!isAlive(claim.pid)) await rm(join(folder, claim.name), { force: true });
  }
}

/** Removes old bundles beside this one. Best effort: another run may be doing the same. */
export async function pruneBundles(folder: string): Promise<void> {
  const parent = dirname(folder);
  const names = await readdir(parent).catch(() => []);
  const found: { path: string; usedMs: number }[] = [];
  for (const name of names) {
    const path = join(parent, name);
    const info = /^[0-9a-f]{24}$/.test(name) ? await stat(path).catch(() => undefined) : undefined;
    if (info?.isDirectory() && path !== folder) found.push({ path, usedMs: info.mtimeMs });
  }
  found.sort((a, b) => b.usedMs - a.usedMs);
  for (const { path, usedMs } of found.slice(KEPT_FOLDERS - 1)) {
    if (Date.now() - usedMs < KEPT_MS || (await isClaimed(path))) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function isClaimed(folder: string): Promise<boolean> {
  return (await claims(folder)).some(({ pid }) => isAlive(pid));
}

async function claims(folder: string): Promise<readonly { name: string; pid: number }[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => name.startsWith(CLAIM))
    .map((name) => ({ name, pid: Number(name.slice(CLAIM.length)) }));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function nearestProject(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'node_modules')) || existsSync(join(at, 'package.json'))) return at;
    if (dirname(at) === at) return undefined;
  }
}

async function makeWritable(folder: string): Promise<boolean> {
  const probe = join(folder, `.probe-${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    await makeDirectory(folder);
    await writeFile(probe, '', { flag: 'wx' });
    await unlink(probe);
    return true;
  } catch {
    return false;
  }
}

/** The fallback folder (B3). */
async function privateFolder(): Promise<string> {
  const uid = process.getuid?.();
  if (uid === undefined) {
    const folder = join(tmpdir(), 'holdfast');
    await makeDirectory(folder);
    return folder;
  }
  const folder = join(tmpdir(), `holdfast-${uid}`);
  await mkdir(folder, { mode: 0o700 }).catch(() => undefined);
  const info = await lstat(folder).catch(() => undefined);
  const ours = info?.isDirectory() && info.uid === uid && (info.mode & 0o022) === 0;
  return ours ? folder : await mkdtemp(join(tmpdir(), 'holdfast-'));
}
