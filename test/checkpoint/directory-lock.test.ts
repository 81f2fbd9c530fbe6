import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type LockOwner, readLock } from '../../src/checkpoint/directory/directory-lock.js';
import { DirectoryStore } from '../../src/checkpoint/directory/directory-store.js';
import { nodeFileSystem } from '../../src/checkpoint/directory/node-file-system.js';
import { livenessOf, ownIdentity } from '../../src/checkpoint/directory/process-identity.js';
import { CrashFileSystem, errno } from './crash-file-system.js';
import { rejection, sampleManifest, samplePart, temporaryDirectory } from './samples.js';

async function leaveLock(directory: string, change: Partial<LockOwner>): Promise<LockOwner> {
  const owner = { ...(await ownIdentity()), token: 'somebody', ...change };
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'lock'), `${JSON.stringify(owner)}\n`);
  return owner;
}

function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid;
}

describe('lock of a checkpoint directory', () => {
  test("tells the owner's process and is gone after close", async () => {
    const directory = await temporaryDirectory();
    const store = new DirectoryStore(directory);
    await store.acquire();
    const found = await readLock(nodeFileSystem, join(directory, 'lock'));
    expect(found?.owner).toMatchObject({ pid: process.pid, host: hostname() });
    expect(await livenessOf(found!.owner!)).toBe('alive');
    await store.close();
    expect(await readLock(nodeFileSystem, join(directory, 'lock'))).toBeUndefined();
    expect((await readdir(directory)).filter((name) => name.startsWith('tmp-'))).toEqual([]);
  });

  test('of a dead process is taken over', async () => {
    const directory = await temporaryDirectory();
    await leaveLock(directory, { pid: deadPid() });
    const store = new DirectoryStore(directory);
    await store.acquire();
    const found = await readLock(nodeFileSystem, join(directory, 'lock'));
    expect(found?.owner?.pid).toBe(process.pid);
    await store.close();
  });

  test('of a process that a power cut has ended is taken over, whatever was not yet written', async () => {
    const disk = new CrashFileSystem();
    const processes = (pid: number) => ({
      own: async () => ({ pid, host: 'here', started: `${pid}`, pidNamespace: '' }),
      livenessOf: async (owner: { readonly pid: number }) =>
        owner.pid === pid ? ('alive' as const) : ('dead' as const),
    });
    const before = new DirectoryStore('/checkpoints', { files: disk, processes: processes(1) });
    await before.acquire();
    // Names survive as they were synced, contents only as far as they were.
    const after = disk.afterPowerCut(() => 0);
    const store = new DirectoryStore('/checkpoints', { files: after, processes: processes(2) });
    await store.acquire();
    expect((await readLock(after, '/checkpoints/lock'))?.owner?.pid).toBe(2);
    await store.close();
  });

  test.runIf(process.platform === 'linux')(
    'of an earlier process with the same number is taken over',
    async () => {
      const directory = await temporaryDirectory();
      await leaveLock(directory, { started: 'another-boot/12345' });
      const store = new DirectoryStore(directory);
      await store.acquire();
      await store.close();
    },
  );

  test.runIf(process.platform === 'linux')(
    'of a dead process that nobody has collected is taken over',
    async () => {
      const directory = await temporaryDirectory();
      // The shell becomes a program that knows nothing of the child it has started. Only then may the child end: a
      // shell collects its own.
      const parent = spawn('sh', ['-c', 'cat <&3 >/dev/null & echo $!; exec sleep 60 3<&-'], {
        stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      });
      try {
        const [line] = await once(parent.stdout!, 'data');
        const pid = Number(String(line));
        while ((await readFile(`/proc/${parent.pid}/comm`, 'utf8')) !== 'sleep\n');
        (parent.stdio[3] as Writable).end();
        while (!/\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8')));
        await leaveLock(directory, { pid, started: '' });
        const store = new DirectoryStore(directory);
        await store.acquire();
        await store.close();
      } finally {
        parent.kill('SIGKILL');
        await once(parent, 'exit');
      }
    },
  );

  test('of a living process is respected, and the error says whose it is', async () => {
    const directory = await temporaryDirectory();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    try {
      await leaveLock(directory, { pid: child.pid!, started: '' });
      const error = await rejection(new DirectoryStore(directory).acquire());
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
      expect(error.message).toContain(`pid ${child.pid}`);
      expect(error.message).toContain(directory);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const store = new DirectoryStore(directory);
    await store.acquire();
    await store.close();
  });

  test('of another machine or container cannot be judged, so it is respected', async () => {
    for (const change of [{ host: 'elsewhere' }, { pidNamespace: 'pid:[1]' }]) {
      const directory = await temporaryDirectory();
      await leaveLock(directory, { pid: deadPid(), ...change });
      const error = await rejection(new DirectoryStore(directory).acquire());
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
      expect(error.message).toContain(join(directory, 'lock'));
    }
  });

  test('that names no owner is respected, and the error says what to do', async () => {
    for (const text of [
      '',
      '{}',
      'null',
      '{"pid":-1}',
      'garbage',
      JSON.stringify({ ...(await ownIdentity()), token: '../x' }),
    ]) {
      const directory = await temporaryDirectory();
      await writeFile(join(directory, 'lock'), text);
      const error = await rejection(new DirectoryStore(directory).acquire());
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
      expect(error.message).toContain('delete that file');
      expect(await readFile(join(directory, 'lock'), 'utf8')).toBe(text);
    }
  });

  test('of several that take over a stale one at once, exactly one gets it', async () => {
    const pid = deadPid();
    for (let round = 0; round < 20; round += 1) {
      const directory = await temporaryDirectory();
      await leaveLock(directory, { pid });
      const stores = Array.from({ length: 4 }, () => new DirectoryStore(directory));
      const answers = await Promise.allSettled(stores.map((store) => store.acquire()));
      expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(1);
      for (const answer of answers) {
        if (answer.status === 'rejected') {
          expect(answer.reason).toMatchObject({ code: 'ERR_HOLDFAST_CHECKPOINT_LOCKED' });
        }
      }
      await Promise.all(stores.map((store) => store.close()));
    }
  });

  test('is taken over as well from one that died while it took over', async () => {
    const directory = await temporaryDirectory();
    await leaveLock(directory, { pid: deadPid() });
    const claim = join(directory, 'lock-claim-somebody');
    const claimer = { ...(await ownIdentity()), pid: deadPid(), token: 'claimer' };
    await writeFile(claim, JSON.stringify(claimer));
    await writeFile(join(directory, 'lock-claim-old'), JSON.stringify(claimer));
    const store = new DirectoryStore(directory);
    await store.acquire();
    expect((await readdir(directory)).filter((name) => name.includes('claim'))).toEqual([]);
    await store.close();
  });

  test('is left to a living process that is taking it over', async () => {
    const directory = await temporaryDirectory();
    await leaveLock(directory, { pid: deadPid() });
    const claim = join(directory, 'lock-claim-somebody');
    await writeFile(claim, JSON.stringify({ ...(await ownIdentity()), token: 'claimer' }));
    const error = await rejection(new DirectoryStore(directory).acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
    expect(error.message).toContain(`pid ${process.pid}`);
    expect(await readdir(directory)).toContain('lock-claim-somebody');
  });

  test('that was lost stops every commit (I16)', async () => {
    for (const loss of ['removed', 'replaced']) {
      const directory = await temporaryDirectory();
      const store = new DirectoryStore(directory);
      await store.acquire();
      const part = await store.writePart(samplePart());
      if (loss === 'removed') await rm(join(directory, 'lock'));
      else await leaveLock(directory, {});
      for (const work of [
        () => store.writeManifest(sampleManifest(1, [part])),
        () => store.nextEpoch(),
        () => store.markFinished({ run: 'r', checkpoint: undefined, result: {} }),
      ]) {
        const error = await rejection(work());
        expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
        expect(error.message).toContain('has lost the lock');
      }
      expect(await store.list()).toEqual([]);
      await store.close();
      expect((await readdir(directory)).includes('lock')).toBe(loss === 'replaced');
    }
  });

  test('works on file systems without hard links', async () => {
    const files = new CrashFileSystem();
    files.onOperation = ({ kind }) => {
      if (kind === 'link') throw errno('EPERM');
      return undefined;
    };
    const store = new DirectoryStore('/d', { files });
    await store.acquire();
    const error = await rejection(new DirectoryStore('/d', { files }).acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_LOCKED');
    await store.close();
    const next = new DirectoryStore('/d', { files });
    await next.acquire();
    await next.close();
  });
});

describe('a directory that cannot be used', () => {
  test('is told with what to do', async () => {
    const directory = await temporaryDirectory();
    const file = join(directory, 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'below')]) {
      const error = await rejection(new DirectoryStore(path).acquire());
      expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
      expect(error.message).toContain(path);
      expect(error.message).toMatch(/choose another directory/);
    }
  });

  test.each(['EACCES', 'EROFS', 'ENOSPC', 'EIO'])('%s', async (code) => {
    const files = new CrashFileSystem();
    files.onOperation = ({ kind }) => {
      if (kind === 'create' || kind === 'make-directory') throw errno(code);
      return undefined;
    };
    const error = await rejection(new DirectoryStore('/d', { files }).acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_DIRECTORY');
    expect(error.details).toMatchObject({ directory: '/d', errno: code });
  });

  test('an epoch file that is damaged stops the run: epochs are not guessed', async () => {
    const directory = await temporaryDirectory();
    const store = new DirectoryStore(directory);
    await store.acquire();
    await store.nextEpoch();
    await store.close();
    const path = join(directory, 'epoch');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('"epoch": 1', '"epoch": 0'));
    const error = await rejection(new DirectoryStore(directory).acquire());
    expect(error.code).toBe('ERR_HOLDFAST_CHECKPOINT_CORRUPT');
    expect(error.message).toContain(path);
    await rm(path);
    const part = 'c0000000009-e41-x-i0-n0-0123456789abcdef.part';
    await writeFile(join(directory, 'parts', part), '');
    const again = new DirectoryStore(directory);
    await again.acquire();
    expect(await again.nextEpoch()).toBe(42);
    await again.close();
  });
});
