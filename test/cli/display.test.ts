import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../../dist/base/errors.js';
import { failureToError } from '../../dist/base/failure.js';
import { CheckpointMeter } from '../../dist/checkpoint/statistics.js';
import { createColors } from '../../dist/terminal/colors.js';
import { widthOf } from '../../dist/terminal/columns.js';
import { cutLine } from '../../dist/terminal/cut-line.js';
import { describeError, errorData } from '../../dist/terminal/describe-error.js';
import { describePressure, describeRescaled } from '../../dist/terminal/describe-event.js';
import { joinShown, type Showable, show } from '../../dist/terminal/escape.js';
import { formatBytes, formatCount, formatMs, formatRate } from '../../dist/terminal/format.js';
import { JobView } from '../../dist/terminal/job-view.js';
import { jsonLine } from '../../dist/terminal/json-line.js';
import { JsonReporter } from '../../dist/terminal/json-reporter.js';
import { drawJob } from '../../dist/terminal/live-view.js';
import { PlainReporter } from '../../dist/terminal/plain-reporter.js';
import { formatTable } from '../../dist/terminal/table.js';
import { drawTree } from '../../dist/terminal/tree-view.js';

const plain = createColors(false);
const colored = createColors(true);
const texts = (lines: readonly Showable[]) => lines.map((line) => show(line).text);

test('quantities', () => {
  expect([0, 999, 1_234, 12_345, 1_234_567].map(formatCount)).toEqual([
    '0',
    '999',
    '1234',
    '12 345',
    '1 234 567',
  ]);
  expect([0, 9_400, 12_345, 999_499, 999_600, 1_340_000].map(formatRate)).toEqual([
    '0',
    '9400',
    '12 k',
    '999 k',
    '1.0 M',
    '1.3 M',
  ]);
  expect([0.42, 23.4, 999, 1_234, 187_000].map(formatMs)).toEqual([
    '0.4 ms',
    '23 ms',
    '999 ms',
    '1.2 s',
    '3 min 07 s',
  ]);
  expect([0, 812, 1_400_000, 350_000_000].map(formatBytes)).toEqual([
    '0 B',
    '812 B',
    '1.3 MiB',
    '334 MiB',
  ]);
});

test('the tree of supervision', () => {
  const failure = { kind: 'user-code', name: 'RangeError', message: 'too much\nof it' } as const;
  const leaf = { state: 'running', restarts: 0, upMs: 1_500, children: [] } as const;
  const lines = drawTree(
    {
      kind: 'job',
      id: 'orders',
      state: 'running',
      strategy: 'one-for-all',
      restarts: 0,
      upMs: 65_000,
      children: [
        { ...leaf, kind: 'coordinator', id: 'coordinator' },
        {
          kind: 'region',
          id: 'numbers',
          state: 'restarting',
          strategy: 'one-for-all',
          budget: '2 of 5 restarts without progress, after 10 ms',
          restarts: 2,
          lastFailure: failure,
          children: [
            {
              ...leaf,
              kind: 'slot',
              id: 'slot 0',
              children: [{ ...leaf, kind: 'task', id: 'a#0' }],
            },
            { ...leaf, kind: 'slot', id: 'slot 1', restarts: 1 },
          ],
        },
      ],
    },
    plain,
  );
  expect(texts(lines)).toEqual([
    'orders  running 65.0 s  one-for-all',
    '├─ coordinator  running 1.5 s',
    '└─ region numbers  restarting  one-for-all  2 of 5 restarts without progress, after 10 ms  ' +
      '2 restarts  last: RangeError: too much',
    '   ├─ slot 0  running 1.5 s',
    '   │  └─ a#0  running 1.5 s',
    '   └─ slot 1  running 1.5 s  1 restart',
  ]);
});

test('heap pressure', () => {
  const event = {
    slot: 1,
    heapUsedBytes: 57 * 2 ** 20,
    heapLimitBytes: 64 * 2 ** 20,
    share: 57 / 64,
    action: 'reported',
  } as const;
  expect(describePressure(event)).toBe('heap of slot 1 at 89 % (57.0 MiB of 64.0 MiB)');
  expect(describePressure({ ...event, action: 'restarting' })).toBe(
    'heap of slot 1 at 89 % (57.0 MiB of 64.0 MiB): taking a checkpoint, then restarting it',
  );
  const lines: string[] = [];
  const write = (line: Showable) => void lines.push(show(line).text);
  const given = {
    write,
    writeError: write,
    print: () => {},
    quiet: false,
    colors: plain,
    now: () => 0,
  };
  const job = Object.assign(new EventEmitter(), { name: 'job', id: 'r', pid: 7 });
  for (const reporter of [new PlainReporter(given), new JsonReporter(given)]) {
    reporter.attach(job as unknown as Parameters<typeof reporter.attach>[0]);
  }
  lines.length = 0;
  job.emit('pressure', event);
  expect(lines).toEqual([describePressure(event), JSON.stringify({ event: 'pressure', ...event })]);
});

test('what a rescale has moved', () => {
  const moves = { keyGroups: 1_024, moved: 615, leastPossible: 614, byRanges: 819 };
  const event = {
    checkpoint: 7,
    operators: [
      { operator: 'counts', before: 2, after: 5, ...moves },
      { operator: 'sums', before: 2, after: 5, ...moves },
    ],
  };
  const described = [
    'rescaled counts 2 → 5: 615 of 1024 key groups moved (least possible 614, by ranges 819)',
    'rescaled sums 2 → 5: 615 of 1024 key groups moved (least possible 614, by ranges 819)',
  ];
  expect(texts(describeRescaled(event))).toEqual(described);
  const lines: string[] = [];
  const write = (line: Showable) => void lines.push(show(line).text);
  const given = {
    write,
    writeError: write,
    print: () => {},
    quiet: false,
    colors: plain,
    now: () => 0,
  };
  const job = Object.assign(new EventEmitter(), { name: 'job', id: 'r', pid: 7 });
  for (const reporter of [new PlainReporter(given), new JsonReporter(given)]) {
    reporter.attach(job as unknown as Parameters<typeof reporter.attach>[0]);
  }
  lines.length = 0;
  job.emit('rescaled', event);
  expect(lines).toEqual([...described, JSON.stringify({ event: 'rescaled', ...event })]);
});

test('a table', () => {
  const columns = [{ title: 'name' }, { title: 'n', align: 'right' }] as const;
  expect(
    texts(
      formatTable(columns, [
        ['a', '1'],
        ['longer', '22'],
      ]),
    ),
  ).toEqual(['name     n', '──────  ──', 'a        1', 'longer  22']);
});

describe('a line that fits', () => {
  test('colours take no room and are closed', () => {
    const line = (...parts: Showable[]) => joinShown(parts);
    expect(cutLine(line(colored.red('abc'), 'def'), 4)).toBe('\x1b[31mabc\x1b[39md');
    expect(cutLine(line('ab', colored.red('cdef')), 3)).toBe('ab\x1b[31mc\x1b[39m');
  });

  test.each([
    ['日本語日本語', 6, '日本語'],
    ['日本語', 5, '日本'],
    ['日本語', 1, ''],
    ['a日', 2, 'a'],
    ['👩🏽‍🚀👩🏽‍🚀x', 4, '👩🏽‍🚀👩🏽‍🚀'],
    ['👩🏽‍🚀x', 1, ''],
    ['e\u0301e\u0301', 1, 'e\u0301'],
    ['🫱🏽‍🫲🏻|', 3, '🫱🏽‍🫲🏻|'],
  ])('%j in %i columns', (line, columns, expected) => {
    expect(cutLine(line, columns)).toBe(expected);
    expect(widthOf(cutLine(line, columns))).toBeLessThanOrEqual(columns);
  });
});

test('a table of wide characters and emoji keeps its columns', () => {
  const names = ['plain', '日本語', '👨‍👩‍👧', '🫠', '🫱🏽‍🫲🏻', '⚠️', '🇩🇪', 'e\u0301'];
  const lines = formatTable(
    [{ title: 'name' }, { title: 'n', align: 'right' }, { title: 'end' }],
    names.map((name) => [name, '1', '|']),
  );
  expect(new Set(lines.slice(2).map(widthOf))).toEqual(new Set([12]));
});

describe('the live view', () => {
  const slot = {
    slot: 1,
    threadId: 3,
    incarnation: 4,
    restarts: 2,
    verdict: 'alive',
    lastBeatAgoMs: 12,
    heapUsedBytes: 34_000_000,
    heapLimitBytes: 4 * 2 ** 30,
  } as const;

  test('shows progress, slots, checkpoints, and each kill with its recovery', () => {
    const view = new JobView(0);
    Object.assign(view, { name: 'job', run: 'r', pid: 7, status: 'running' });
    view.handleProgress({ sourceRecords: 0, sinkRecords: 0 }, [slot], 0);
    view.handleProgress({ sourceRecords: 250_000, sinkRecords: 100 }, [slot], 500);
    view.handleCheckpoint(
      {
        kind: 'completed',
        checkpoint: 3,
        final: false,
        sourceRecords: 250_000,
        durationMs: 34,
        alignMs: 1,
        captureMs: 2,
        bytes: 2_048,
        fullBytes: 1_024,
        deltaBytes: 512,
        statistics: new CheckpointMeter({
          checkpoint: 3,
          kind: 'periodic',
          triggeredAtMs: 0,
          tasksTotal: 1,
        }).statistics('completed', 34),
      },
      600,
    );
    view.handleFailure('slot 1', 'thread-exit', 700);
    const down = texts(drawJob(view, 800, plain));
    expect(down[0]).toMatch(/^job {2}running {2}800 ms/);
    expect(down[1]).toMatch(/250 000 in, 100 out, 500 k\/s/);
    expect(down[2]).toMatch(/3 in 34 ms, 2\.0 KiB, 200 ms ago/);
    expect(down[3]).toMatch(/^slot 1 .*alive .*beat 12 ms ago, heap 32\.4 MiB, restarted 2 times/);
    expect(down[5]).toMatch(/700 ms {2}slot 1 {3}thread-exit .*recovering for 100 ms/);
    const failure = { kind: 'thread-exit', name: 'Error', message: '' } as const;
    view.handleFailure('slot 0', 'again', 750);
    view.handleRestarted(
      {
        region: 'events',
        failure,
        cause: 'exit',
        slot: 1,
        epoch: 2,
        attempt: 1,
        detectMs: 3,
        recoverMs: 120,
        checkpoint: 3,
        replayed: 12_345,
        respawned: [1],
      },
      820,
    );
    const up = texts(drawJob(view, 900, plain));
    expect(up).toHaveLength(6);
    expect(up[5]).toMatch(
      /slot 1 {3}exit .*recovered in 120 ms \(found in 3 ms\) from checkpoint 3, 12 345 replayed/,
    );
  });

  test('a position that goes back is no negative rate', () => {
    const view = new JobView(0);
    view.handleProgress({ sourceRecords: 1_000, sinkRecords: 0 }, [], 0);
    view.handleProgress({ sourceRecords: 400, sinkRecords: 0 }, [], 100);
    expect(view.rate).toBe(0);
    view.handleProgress({ sourceRecords: 500, sinkRecords: 0 }, [], 200);
    expect(view.rate).toBe(1_000);
  });
});

describe('errors', () => {
  test('say code, message, causes and the user’s own lines', () => {
    const error = failureToError({
      kind: 'user-code',
      name: 'BadRow',
      message: 'no value',
      stack: 'BadRow: no value\n    at f (/home/me/job.ts:3:5)\n    at node:internal/x:1:1',
      operator: 'map',
      position: 'line 7',
    });
    const text = texts(describeError(error, plain)).join('\n');
    expect(text).toContain(
      "holdfast: operator 'map', at line 7: BadRow: no value [ERR_HOLDFAST_USER_CODE]",
    );
    expect(text).toContain('    at f (/home/me/job.ts:3:5)');
    expect(text).not.toContain('node:internal');
    expect(text.match(/no value/g)).toHaveLength(1);
  });

  test('travel as JSON, with causes', () => {
    const error = new HoldfastError('ERR_HOLDFAST_SOURCE', 'outer', {
      cause: new TypeError('inner'),
      details: { n: 1n },
    });
    expect(JSON.parse(jsonLine({ error: errorData(error) }))).toEqual({
      error: {
        name: 'HoldfastError',
        code: 'ERR_HOLDFAST_SOURCE',
        message: 'outer',
        details: { n: '1' },
        stack: error.stack,
        cause: { name: 'TypeError', message: 'inner', stack: (error.cause as Error).stack },
      },
    });
  });
});
