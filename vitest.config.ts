import { defineConfig } from 'vitest/config';

/** Tests that start threads or processes of their own, from `dist/` or from a script. */
const THREADS = ['threads', 'job', 'cli', 'readme', 'scripts', 'kill-matrix', 'cookbook'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

/** What `npm run check:fast` leaves out: each of these takes more than two seconds of a processor. */
const SLOW = [
  'test/base/value-codec.test.ts',
  'test/checkpoint/directory-crash.test.ts',
  'test/checkpoint/object-faults.test.ts',
  'test/checkpoint/object-service.test.ts',
  'test/checkpoint/part-file.test.ts',
  'test/checkpoint/stores.test.ts',
  'test/connectors/csv-conformance.test.ts',
  'test/connectors/parquet*.test.ts',
  'test/connectors/rename-sink.test.ts',
  'test/fuzz/*.test.ts',
  'test/hashring/placement.test.ts',
  'test/sim/sim.test.ts',
  'test/stream/incremental-state.test.ts',
  'test/stream/many-windows.test.ts',
  'test/stream/state.test.ts',
  'test/stream/task-exactly-once.test.ts',
  'test/stream/task-order.test.ts',
  'test/stream/task-unaligned.test.ts',
  'test/supervisor/tree-stress.test.ts',
];

/**
 * `pure` and `pure-slow` run the sources as vitest transforms them (`npm test -- pure` means both).
 * `threads` needs the compiled package in `dist/`, because vitest never transforms what a Worker loads:
 * its setup builds that anew when it is older than the sources. It comes last, for what starts
 * threads of its own should have the cores.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          // One process for many files: to load the sources anew for each would be half of the time.
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: [...THREADS, ...SLOW],
          sequence: { groupOrder: 0 },
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'pure-slow',
          isolate: false,
          include: SLOW,
          sequence: { groupOrder: 0 },
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'threads',
          include: THREADS,
          globalSetup: 'test/build-setup.ts',
          // Loaded as it is: to transform the package would be the most of what a file costs.
          server: { deps: { external: [/\/dist\//] } },
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
