/** docs/damaged-checkpoint.md, followed from top to bottom with its commands as printed. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { Page, Project } from './kit.js';

let project: Project;

beforeAll(async () => {
  project = await Project.create();
});

afterAll(async () => {
  await project.remove();
});

test('from a flipped bit to a finished job', async () => {
  const page = await Page.read('docs/damaged-checkpoint.md');
  expect(page.blocks.map(({ file }) => file)).toEqual(['orders.job.ts', 'half.mjs']);
  for (const { file, text } of page.blocks) await project.write(file, text);
  const commands = [...page.commands];
  expect(commands).toHaveLength(9);
  const next = () => project.shell(commands.shift()!);

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
  const last = JSON.parse(await project.read('verified.json')) as unknown;
  expect(last).toMatchObject({ wayOn: { kind: 'older', checkpoint: 3, damaged: [4] } });

  const rewound = await next();
  expect(rewound.code).toBe(1);
  expect(rewound.stderr).toContain('ERR_HOLDFAST_SINK_REWOUND');
  const finished = await next();
  expect(finished).toMatchObject({ code: 0 });
  const sound = await next();
  expect(sound.code).toBe(0);

  const rows = await project.publishedRows<{ orders: number }>('out/orders');
  expect(rows.reduce((sum, { orders }) => sum + orders, 0)).toBe(150_000);
}, 120_000);
