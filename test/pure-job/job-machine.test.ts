/** What follows a failure, event by event: nothing runs, and nothing waits. */

import { expect, test } from 'vitest';
import type { Failure } from '../../src/base/failure.js';
import { seededRandom } from '../../src/base/random.js';
import type {
  DriverCommand,
  FailedEvent,
  JobMachineEvent,
} from '../../src/job/driver/driver-events.js';
import { type GroupOptions, planGroups } from '../../src/job/driver/groups.js';
import { JobMachine } from '../../src/job/driver/job-machine.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { planJob } from '../../src/stream/graph/planner.js';
import {
  fixedDelay,
  noRestart,
  type RestartStrategy,
} from '../../src/supervisor/restart-strategy.js';
import { draw, sink, source } from '../stream/graph-kit.js';

const DELAY_MS = 50;
const SLOT = { kind: 'slot' } as const;
const failure: Failure = { kind: 'thread-exit', name: 'Error', message: 'gone' };

const planOf = (regions: number) =>
  planJob(
    graphData(
      draw((env) => {
        for (let at = 0; at < regions; at += 1) {
          env.from(source()).uid(`source-${at}`).sinkTo(sink()).uid(`sink-${at}`);
        }
      }),
    ),
    { slots: 2, keyGroups: 8 },
  );

function stage(
  regions = 1,
  restart: RestartStrategy = fixedDelay({ attempts: 2, delayMs: DELAY_MS }),
  groups: readonly GroupOptions[] = [],
) {
  const machine = new JobMachine(seededRandom(1));
  let now = 0;
  let epoch = 0;
  /** @returns the commands, each as its kind and what tells it apart */
  const tell = (event: JobMachineEvent): string[] => machine.handle(event, now).map(words);
  const plan = planOf(regions);
  tell({ kind: 'planned', plan, groups: planGroups(plan, groups, restart) });
  const fail = (region: number, given: Partial<FailedEvent> = {}): string[] =>
    tell({
      kind: 'failed',
      regions: [{ region, tasks: [] }],
      part: SLOT,
      slot: 1,
      failure,
      ...given,
    });
  const roundOf = (region: number): number => machine.regions[region]!.round;
  const fenced = (region: number, slot: number) => tell({ kind: 'fenced', region, slot });
  const launching = (region: number, kind: 'deploying' | 'deployed' | 'launched'): string[] => {
    const of = { region, round: roundOf(region), checkpoint: undefined };
    if (kind === 'deploying') epoch += 1;
    switch (kind) {
      case 'deploying':
        return tell({ kind, ...of, epoch, reachedRecords: 10 });
      case 'deployed':
        return tell({ kind, ...of });
      case 'launched':
        return tell({ kind, ...of, restoredRecords: 4, respawned: [1] });
    }
  };
  const launched = (region: number): string[] =>
    (['deploying', 'deployed', 'launched'] as const).flatMap((kind) => launching(region, kind));
  const wait = (ms: number): string[] => {
    now += ms;
    return tell({ kind: 'tick' });
  };
  const running = (): void => {
    tell({ kind: 'prepared' });
    for (let region = 0; region < regions; region += 1) launched(region);
  };
  return { machine, tell, fail, fenced, launching, launched, wait, running, epochs: () => epoch };
}

function words(command: DriverCommand): string {
  const { kind } = command;
  switch (kind) {
    case 'tell-status':
    case 'end':
      return `${kind} ${command.status}`;
    case 'fence':
      return `${kind} ${command.region}: ${command.slots.join()}`;
    case 'close':
      return `${kind} ${command.status}: ${command.error.message}`;
    default:
      return 'region' in command ? `${kind} ${command.region}` : kind;
  }
}

test('from a death to the first new record', () => {
  const it = stage();
  expect(it.tell({ kind: 'prepared' })).toEqual(['launch 0']);
  expect(it.launching(0, 'deploying')).toEqual([]);
  expect(it.launching(0, 'deployed')).toEqual(['region-up 0']);
  expect(it.launching(0, 'launched')).toEqual([
    'refill-spares',
    'answer-start',
    'tell-status running',
  ]);
  expect(it.fail(0)).toEqual([
    'tell-failure',
    'region-down 0',
    'fence 0: 0,1',
    'tell-restarting',
    'replace-threads',
    'tell-status restarting',
  ]);
  expect(it.fenced(0, 0)).toEqual([]);
  expect(it.fenced(0, 1)).toEqual(['prefetch 0']);
  expect(it.wait(DELAY_MS)).toEqual(['launch 0']);
  it.launching(0, 'deploying');
  it.launching(0, 'deployed');
  expect(it.launching(0, 'launched')).toEqual(['tell-status running']);
  expect(it.tell({ kind: 'first-output', epoch: 1 })).toEqual([]); // Of the epoch before (D2).
  expect(it.tell({ kind: 'first-output', epoch: 2 })).toEqual(['tell-restarted', 'refill-spares']);
  expect(it.tell({ kind: 'first-output', epoch: 2 })).toEqual([]);
  expect(it.machine.restarts).toBe(1);
});

test('R3: a launch that is due waits for every fence', () => {
  const it = stage();
  it.running();
  it.fail(0);
  expect(it.fenced(0, 0)).toEqual([]);
  expect(it.wait(DELAY_MS)).toEqual([]);
  expect(it.machine.regions[0]!.state.kind).toBe('fencing');
  expect(it.fenced(0, 1)).toEqual(['launch 0']);
});

test('R3: a second failure asks no slot twice, and its launch waits for the first fences', () => {
  const it = stage();
  it.running();
  it.fail(0);
  it.fenced(0, 0);
  expect(it.fail(0, { slot: 0 })).toEqual(['tell-failure', 'fence 0: 0']);
  it.wait(DELAY_MS);
  expect(it.fenced(0, 0)).toEqual([]);
  expect(it.fenced(0, 1)).toEqual(['launch 0']);
});

test('R2: what a launch of an earlier round tells has no effect', () => {
  const it = stage();
  it.running();
  it.fail(0);
  for (const slot of [0, 1]) it.fenced(0, slot);
  it.wait(DELAY_MS);
  it.launching(0, 'deploying');
  const { round } = it.machine.regions[0]!;
  it.fail(0);
  expect(it.machine.isStale(0, round)).toBe(true);
  expect(it.tell({ kind: 'deployed', region: 0, round })).toEqual([]);
  expect(it.machine.regions[0]!.state.kind).toBe('down');
});

test('R4: what fails while a region comes up again is told with what brought it down', () => {
  const it = stage();
  it.running();
  it.fail(0);
  for (const slot of [0, 1]) it.fenced(0, slot);
  it.wait(DELAY_MS);
  it.launching(0, 'deploying');
  it.fail(0, { failure: { ...failure, message: 'gone as well' } });
  for (const slot of [0, 1]) it.fenced(0, slot);
  it.wait(DELAY_MS);
  it.launched(0);
  const told = it.machine.handle({ kind: 'first-output', epoch: it.epochs() }, 1_000);
  expect(told).toMatchObject([
    { kind: 'tell-restarted', event: { failure, attempt: 2, replayed: 6, recoverMs: 1_000 } },
    { kind: 'refill-spares' },
  ]);
});

test('a spent budget ends the job once, with the last failure as the reason', () => {
  const it = stage(1, noRestart());
  it.running();
  expect(it.fail(0)).toEqual([
    'tell-failure',
    'region-down 0',
    'fence 0: 0,1',
    'close failed: Error: gone',
  ]);
  expect(it.fail(0)).toEqual([]); // D1
  expect(it.tell({ kind: 'cancel', error: new Error('no') })).toEqual([]);
  expect(it.machine.status).toBe('running'); // Until everything is closed.
  expect(it.tell({ kind: 'closed', status: 'failed' })).toEqual(['tell-status failed']);
});

test('a thread that dies before the first launch is replaced by that launch', () => {
  const it = stage(1, noRestart());
  expect(it.fail(0)).toEqual(['tell-failure', 'fence 0: 0,1']);
  it.fenced(0, 1);
  expect(it.tell({ kind: 'prepared' })).toEqual([]);
  expect(it.fenced(0, 0)).toEqual(['launch 0']);
  expect(it.machine.status).toBe('starting');
});

test('D3: what fails before the job has run, and would again, is the end of its start', () => {
  const it = stage();
  it.tell({ kind: 'prepared' });
  const launch = { round: 0, deterministic: true };
  expect(it.fail(0, { launch })).toEqual(['close failed: Error: gone']);
});

test('in a group, one-for-all, the others are stopped, and start in order when all are down', () => {
  const it = stage(2, undefined, [
    {
      name: 'both',
      operators: ['source-0', 'source-1'],
      strategy: 'one-for-all',
      restart: fixedDelay({ attempts: 2, delayMs: DELAY_MS }),
    },
  ]);
  it.running();
  expect(it.fail(0)).toEqual([
    'tell-failure',
    'region-down 0',
    'fence 0: 0,1',
    'tell-restarting',
    'replace-threads',
    'revoke 1',
    'region-down 1',
    'fence 1: 0,1',
    'tell-status restarting',
  ]);
  for (const slot of [0, 1]) it.fenced(0, slot);
  expect(it.wait(DELAY_MS)).toEqual(['launch 0']);
  expect(it.launched(0)).toEqual(['region-up 0']);
  expect(it.fenced(1, 0)).toEqual([]); // R3
  expect(it.fenced(1, 1)).toEqual(['launch 1']);
  expect(it.launched(1)).toEqual(['region-up 1', 'tell-status running']);
});

test('a stop outlives a failure: the sources are stopped again, and what the first order meets does not count', () => {
  const it = stage();
  it.running();
  expect(it.tell({ kind: 'stop', drain: false })).toEqual([
    'stop-sources',
    'take-stop-checkpoint',
    'tell-status stopping',
  ]);
  it.fail(0);
  const refused = { isFinal: false, error: new Error('given up') } as const;
  expect(it.tell({ kind: 'no-stop-checkpoint', order: 1, ...refused })).toEqual([]);
  for (const slot of [0, 1]) it.fenced(0, slot);
  it.wait(DELAY_MS);
  expect(it.launched(0)).toEqual(['region-up 0', 'stop-sources', 'take-stop-checkpoint']);
  expect(it.tell({ kind: 'no-stop-checkpoint', order: 1, ...refused })).toEqual([]);
  expect(it.tell({ kind: 'stop-checkpoint', isCommitted: true, isFinal: false })).toEqual([
    'tell-restarted',
    'end stopped',
  ]);
});

test('the final checkpoint ends the job, also when a region has failed meanwhile', () => {
  const it = stage(2);
  it.running();
  expect(it.tell({ kind: 'final-triggered' })).toEqual(['tell-status finishing']);
  it.fail(1);
  expect(it.tell({ kind: 'committed', final: true, points: [] })).toEqual(['end finished']);
});

test('an illegal step is a mistake of ours, and is told as one', () => {
  const it = stage();
  it.running();
  expect(() => it.tell({ kind: 'prepared' })).toThrow('a job that is running cannot be starting');
  expect(() => it.launching(0, 'deployed')).toThrow('is up');
});
