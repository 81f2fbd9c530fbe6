import { defineConfig } from 'vitest/config';

/**
 * Two projects: `pure` runs the sources as vitest transforms them; `threads` needs the compiled
 * package in `dist/`, because vitest never transforms what a Worker loads. They run one after the
 * other: what starts threads of its own should have the cores.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: ['test/threads/**', 'test/job/**', 'test/cli/**', 'test/readme/**'],
          sequence: { groupOrder: 0 },
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'threads',
          include: ['test/{threads,job,cli,readme}/**/*.test.ts'],
          sequence: { groupOrder: 1 },
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
