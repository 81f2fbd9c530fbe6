/**
 * Names, messages and rows that would take the terminal over: whoever shows them, no character comes out that
 * a terminal obeys, but for the colours of the program itself.
 */

import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../../src/base/errors.js';
import type { Failure } from '../../src/base/failure.js';
import { CheckpointMeter } from '../../src/checkpoint/statistics.js';
import type { GuardedJob, GuardedMetrics } from '../../src/guardian/guarded-job.js';
import type { JobResult, JobTreeNode } from '../../src/job/job-types.js';
import { createColors } from '../../src/terminal/colors.js';
import { describeError } from '../../src/terminal/describe-error.js';
import {
  escapeText,
  joinShown,
  linesOf,
  type Showable,
  show,
  shown,
} from '../../src/terminal/escape.js';
import { jsonLine } from '../../src/terminal/json-line.js';
import { JsonReporter } from '../../src/terminal/json-reporter.js';
import { LiveReporter } from '../../src/terminal/live-reporter.js';
import { PlainReporter } from '../../src/terminal/plain-reporter.js';
import type { Reporter } from '../../src/terminal/reporter.js';
import { formatTable } from '../../src/terminal/table.js';

/** Every kind of character that a terminal obeys, and one line that pretends to be the program's. */
const EVIL =
  'evil\x1b[2J\x1b]0;owned\x07\x9b31m\x90q\x9c\x7f\r\b\0\u202egnp.exe\u2066\u200f\u2028\u2029\ufeff\u200b' +
  '\nholdfast: all is well';

const WHOLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u200b\u2060-\u206f\ufeff]/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the program's own colours.
const COLORS = /\x1b\[(?:0|1|2|22|31|32|33|36|39)m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what log-update draws with, by lines.
const DRAWING = /\x1b\[(?:\d*A|\d*B|\d*G|\d*K|\?25[lh]|\?2026[lh])|\n/g;

/** @returns the first raw control in a line, as its code */
function rawIn(line: string): string | undefined {
  return WHOLE.exec(line.replace(COLORS, ''))?.[0].codePointAt(0)?.toString(16);
}

const failure: Failure = {
  kind: EVIL as Failure['kind'],
  name: EVIL,
  message: EVIL,
  code: EVIL,
  stack: `${EVIL}\n    at ${EVIL} (/home/${EVIL}/job.ts:1:1)`,
  operator: EVIL,
  position: EVIL,
};

const tree: JobTreeNode = {
  kind: 'job',
  id: EVIL,
  state: EVIL as JobTreeNode['state'],
  strategy: EVIL as 'one-for-one',
  budget: EVIL,
  restarts: 2,
  lastFailure: failure,
  upMs: 3,
  children: [
    { kind: 'region', id: EVIL, state: 'running', restarts: 1, lastFailure: failure, children: [] },
  ],
};

const statistics = new CheckpointMeter({
  checkpoint: 3,
  kind: 'periodic',
  triggeredAtMs: 0,
  tasksTotal: 1,
}).statistics('completed', 34);

const completed = {
  kind: 'completed',
  checkpoint: 3,
  final: true,
  durationMs: 34,
  alignMs: 1,
  captureMs: 2,
  bytes: 2_048,
  fullBytes: 1_024,
  deltaBytes: 512,
  statistics,
} as const;

const restarted = {
  region: EVIL,
  failure,
  cause: EVIL,
  slot: 1,
  epoch: 2,
  attempt: 1,
  detectMs: 3,
  recoverMs: 120,
  checkpoint: 3,
  replayed: 12_345,
  respawned: [1],
} as const;

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

const metrics = {
  status: 'running',
  progress: { sourceRecords: 9, sinkRecords: 3 },
  restarts: 0,
  slots: [slot],
  operators: [
    {
      vertex: EVIL,
      instance: 0,
      recordsIn: 1,
      recordsOut: 1,
      busyMs: 1,
      blockedMs: 0,
      watermarkMs: 1,
      holder: { operator: EVIL, split: EVIL, sources: [EVIL], timeMs: 5, heldMs: 12_000 },
      counters: { lateRecords: 7, deadLetters: 1 },
    },
  ],
} satisfies GuardedMetrics;

const result: JobResult = {
  job: EVIL,
  run: EVIL,
  status: 'finished',
  sourceRecords: 9,
  checkpoints: 1,
  restarts: 0,
  durationMs: 12,
  counters: { lateRecords: 7, deadLetters: 1 },
  collected: { [EVIL]: [EVIL] },
};

/** Everything that a job may tell, with the worst of names. */
function perform(reporter: Reporter, now: { ms: number }): void {
  const job = Object.assign(new EventEmitter(), {
    name: EVIL,
    id: EVIL,
    pid: 7,
    status: 'running',
    slots: () => [slot],
  });
  reporter.attach(job as unknown as GuardedJob);
  job.emit('status', 'running');
  job.emit('print', [EVIL, 'plain']);
  job.emit('output', Buffer.from(`${EVIL}\n`));
  job.emit('checkpoint', completed);
  job.emit('checkpoint', { kind: 'failed', checkpoint: 4, failure, statistics });
  job.emit('failure', failure);
  job.emit('metrics', metrics);
  now.ms += 5_000;
  job.emit('progress', { sourceRecords: 9, sinkRecords: 3 });
  job.emit('restarted', restarted);
  job.emit('slot', slot);
  job.emit('rescaled', {
    checkpoint: 3,
    operators: [
      {
        operator: EVIL,
        before: 1,
        after: 2,
        keyGroups: 8,
        moved: 4,
        leastPossible: 4,
        byRanges: 4,
      },
    ],
  });
  job.emit('process-died', { cause: EVIL, pid: 7 });
  job.emit('process-restarted', { ...restarted, exitCode: 1, signal: EVIL, pid: 8 });
  reporter.tree(tree);
  reporter.note(EVIL);
  reporter.finished(result);
  reporter.failed(new HoldfastError('ERR_HOLDFAST_USER_CODE', EVIL, { cause: new Error(EVIL) }));
  reporter.close();
}

describe.each([true, false])('with colours: %s', (colored) => {
  const colors = createColors(colored);

  test('the plain reporter', () => {
    const lines: string[] = [];
    const now = { ms: 0 };
    const write = (line: Showable) => void lines.push(show(line).text);
    const printed: string[] = [];
    const print = (rows: readonly string[]) => void printed.push(...rows);
    perform(
      new PlainReporter({
        write,
        writeError: write,
        print,
        quiet: false,
        colors,
        now: () => now.ms,
      }),
      now,
    );
    expect(lines.length).toBeGreaterThan(15);
    for (const line of lines) expect([rawIn(line), line]).toEqual([undefined, line]);
    expect(lines.some((line) => line.startsWith('holdfast: all is well'))).toBe(false);
    expect(printed).toEqual([EVIL, 'plain']);
    expect(lines.join('\n')).toContain('7 late records dropped');
  });

  test('the live view', () => {
    let drawn = '';
    const errors: string[] = [];
    const now = { ms: 0 };
    const write = (text: string): void => {
      drawn += text;
    };
    const stream = { write, columns: 400, rows: 60 };
    const writeError = (line: Showable) => void errors.push(show(line).text);
    perform(new LiveReporter({ stream, writeError, colors, now: () => now.ms }), now);
    expect(drawn).toContain('7 late records dropped');
    expect(drawn).toContain('1 dead letter');
    for (const line of [...drawn.replace(DRAWING, '\n').split('\n'), ...errors]) {
      expect([rawIn(line), line]).toEqual([undefined, line]);
    }
  });
});

test('lines of JSON: every value is what it was, and no control is raw', () => {
  const lines: string[] = [];
  const now = { ms: 0 };
  const write = (line: string) => void lines.push(line);
  perform(
    new JsonReporter({ write, writeError: () => {}, print: () => {}, now: () => now.ms }),
    now,
  );
  for (const line of lines) expect(rawIn(line)).toBeUndefined();
  const [started] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(started).toMatchObject({ event: 'started', job: EVIL });
  const events = lines.map((line) => JSON.parse(line) as { readonly event: string });
  expect(events.find(({ event }) => event === 'progress')).toMatchObject({
    counters: { lateRecords: 7, deadLetters: 1 },
  });
  expect(events.find(({ event }) => event === 'result')).toMatchObject({
    counters: { lateRecords: 7, deadLetters: 1 },
  });
});

test('an error shows its message on lines that cannot be taken for the program’s', () => {
  const texts = describeError(new HoldfastError('ERR_HOLDFAST_SOURCE', EVIL), createColors(false));
  expect(texts.filter(({ text }) => text.startsWith('holdfast:'))).toHaveLength(1);
});

test('any text', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constant(EVIL));
  fc.assert(
    fc.property(text, text, (a, b) => {
      for (const line of [
        show(a).text,
        shown`x ${a} y ${createColors(true).red(b)}`.text,
        joinShown([a, b], ', ').text,
        ...linesOf(a).map((each) => each.text),
        ...formatTable([{ title: a }, { title: 'b' }], [[a, b]]).map((each) => each.text),
        jsonLine({ [a]: b }),
      ]) {
        expect(rawIn(line)).toBeUndefined();
      }
      expect(JSON.parse(jsonLine({ a: b }))).toEqual({ a: b });
      // Twice is once: what was escaped is text.
      expect(escapeText(escapeText(a))).toBe(escapeText(a));
    }),
  );
});

test('emoji and letters stay as they are', () => {
  const text = '👨‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ⚠️ naïve 日本 עברית';
  expect(escapeText(text)).toBe(text);
});
