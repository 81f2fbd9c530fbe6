/** docs/damaged-checkpoint.md, followed from top to bottom with its commands as printed. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
let folder = '';

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `npx` does with a package that is installed, without the second that npm takes to find out. */
const NPX = 'npx() { local it="$1"; shift; "./node_modules/.bin/$it" "$@"; }\n';

function shell(command: string): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: '1' };
    execFile('bash', ['-c', NPX + command], { cwd: folder, env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, stdout, stderr });
    });
  });
}

test('from a flipped bit to a finished job', async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-damaged-'));
  await mkdir(join(folder, 'node_modules', '.bin'), { recursive: true });
  await symlink(root, join(folder, 'node_modules', 'holdfast'));
  await symlink('../holdfast/dist/cli/main.js', join(folder, 'node_modules', '.bin', 'holdfast'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const page = await readFile(join(root, 'docs', 'damaged-checkpoint.md'), 'utf8');
  const files = [...page.matchAll(/```\w+ file=(\S+)\n([\s\S]*?)```/g)];
  expect(files.map(([, name]) => name)).toEqual(['orders.job.ts', 'half.mjs']);
  for (const [, name, text] of files) await writeFile(join(folder, name!), text!);
  const commands = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, command]) => command!);
  expect(commands).toHaveLength(9);
  const next = () => shell(commands.shift()!);

  const half = await next();
  expect(half).toMatchObject({ code: 0 });
  expect(half.stdout).toContain('checkpoint 4');
  expect((await next()).code).toBe(0);

  const corrupt = await next();
  expect(corrupt.code).toBe(1);
  expect(corrupt.stderr).toContain('ERR_HOLDFAST_CHECKPOINT_CORRUPT');

  const verified = await next();
  expect(verified.code).toBe(1);
  expect(verified.stdout).toContain('NOT SOUND');
  expect(verified.stdout).toMatch(/It holds state of operator \S+, instance \d+ \(.*\)\./);
  expect(verified.stdout).toContain('--restore 3\n');
  const shown = await next();
  expect(shown.code).toBe(1);
  expect(shown.stdout).toContain('window-aggregate');
  expect((await next()).code).toBe(0);
  const last = JSON.parse(await readFile(join(folder, 'verified.json'), 'utf8')) as unknown;
  expect(last).toMatchObject({ wayOn: { kind: 'older', checkpoint: 3, damaged: [4] } });

  const rewound = await next();
  expect(rewound.code).toBe(1);
  expect(rewound.stderr).toContain('ERR_HOLDFAST_SINK_REWOUND');
  const finished = await next();
  expect(finished).toMatchObject({ code: 0 });
  const sound = await next();
  expect(sound.code).toBe(0);

  const out = join(folder, 'out', 'orders');
  let orders = 0;
  for (const file of await readdir(out)) {
    if (!file.endsWith('.ndjson')) continue;
    for (const line of (await readFile(join(out, file), 'utf8')).trim().split('\n')) {
      orders += (JSON.parse(line) as { orders: number }).orders;
    }
  }
  expect(orders).toBe(150_000);
}, 120_000);
