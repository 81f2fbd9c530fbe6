/**
 * What can go wrong in a simulation. Faults are drawn beforehand, as data, each with all the chance
 * that it needs: so that one can be left out without changing the others.
 */

import { type Random, randomInt } from '../../src/base/random.js';
import type { Theme } from './topology.js';

export const FAULT_KINDS = [
  'crash',
  'throw',
  'source-fails',
  'hang',
  'zombie',
  'pause',
  'slow',
  'stale',
  'late-events',
  'late-control',
  'late-beats',
  'main-pause',
  'kill',
  'power-cut',
  'stop',
  'eio',
  'enospc',
  'short-write',
  'slow-disk',
  'bit-flip',
  'ledger-lost',
  'ledger-refusal',
  'ledger-slow',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Moments that a fault can wait for instead of a time: where the protocol is at its most tender. */
export const POINTS = [
  'call deploy',
  'call start',
  'call fence',
  'call commit',
  'call trigger',
  'event captured',
  'event task-ended',
  'event task-failed',
  'disk rename manifests',
  'disk sync-directory manifests',
  'disk sync-directory parts',
  'disk rename out',
  'disk read parts',
  'disk rename finished',
  'ledger commit',
] as const;
export type Point = (typeof POINTS)[number];

export interface Fault {
  readonly kind: FaultKind;
  readonly when:
    | { readonly atMs: number }
    | { readonly point: Point; readonly nth: number; readonly delayMs: number };
  /** Which thread, pipeline or file, in 0…1. */
  readonly whom: number;
  readonly forMs: number;
  /** In 0…1: whatever else is to be chosen. */
  readonly chance: number;
  /** Parallelism of the next life, for faults that end one; 0: as before. */
  readonly parallelism: number;
}

/** Faults begin before this time. */
export const FAULTS_UNTIL_MS = 1_800;

/** What makes checkpoints fail, and what makes them needed. */
const CHANGING: readonly FaultKind[] = ['eio', 'enospc', 'slow-disk', 'crash', 'throw', 'kill'];

/** What lets what is in flight be restored. */
const PRESSING: readonly FaultKind[] = ['crash', 'throw', 'kill', 'power-cut', 'stop', 'slow'];

/** What lets time be restored, at any moment. */
const TIMELY: readonly FaultKind[] = [
  'crash',
  'throw',
  'source-fails',
  'kill',
  'power-cut',
  'stop',
  'slow',
  'pause',
];

const RESTARTING: readonly FaultKind[] = ['crash', 'throw', 'kill', 'power-cut', 'stop'];

const SUDDEN: readonly FaultKind[] = [
  'crash',
  'zombie',
  'hang',
  'kill',
  'power-cut',
  'throw',
  'pause',
];

export function drawFaults(random: Random, theme: Theme): readonly Fault[] {
  if (theme === 'ends') {
    return Array.from({ length: 1 + randomInt(random, 3) }, () => drawFault(random, ['stale']));
  }
  if (theme === 'changes') {
    return Array.from({ length: 4 + randomInt(random, 5) }, () => drawFault(random, CHANGING));
  }
  if (theme === 'pressure') {
    return Array.from({ length: 2 + randomInt(random, 4) }, () => drawFault(random, PRESSING));
  }
  if (theme === 'times') {
    const faults = Array.from({ length: 1 + randomInt(random, 3) }, () =>
      drawFault(random, TIMELY),
    );
    // And one when some splits rest, and others have not come to their end.
    const restart = drawFault(random, RESTARTING);
    return [...faults, { ...restart, when: { atMs: 300 + random.next() * 1_200 } }];
  }
  // Few kinds at a time, so that each has room: what mixes everything finds less.
  const kinds = FAULT_KINDS.filter(() => random.next() < 0.2);
  if (kinds.length === 0) kinds.push('crash', 'power-cut');
  const count = 1 + randomInt(random, 7);
  const faults = Array.from({ length: count }, () => drawFault(random, kinds));
  // More than one flip proves nothing more, and ends the seed early.
  return faults.filter(
    ({ kind }, at) => kind !== 'bit-flip' || faults.findIndex((f) => f.kind === kind) === at,
  );
}

function drawFault(random: Random, kinds: readonly FaultKind[]): Fault {
  const kind = kinds[randomInt(random, kinds.length)]!;
  if (kind === 'stale') return staleFault(random);
  const isPointed = SUDDEN.includes(kind) && random.next() < 0.6;
  const point = POINTS[randomInt(random, POINTS.length)]!;
  const early = random.next() < 0.5;
  const when = isPointed
    ? {
        point,
        nth: 1 + randomInt(random, early ? 3 : 12),
        delayMs: random.next() < 0.5 ? 0 : random.next() * 3,
      }
    : { atMs: 30 + random.next() ** 2 * (FAULTS_UNTIL_MS - 30) };
  return {
    kind,
    when,
    whom: random.next(),
    forMs: durationOf(kind, random.next()),
    chance: random.next(),
    parallelism: random.next() < 0.4 ? 1 + randomInt(random, 4) : 0,
  };
}

/** The first words that a thread's tasks have come to their end are held up. */
function staleFault(random: Random): Fault {
  const nth = 1 + randomInt(random, 4);
  return {
    kind: 'stale',
    when: { point: 'event task-ended', nth, delayMs: 0 },
    whom: random.next(),
    forMs: durationOf('stale', random.next()),
    chance: random.next(),
    parallelism: 0,
  };
}

function durationOf(kind: FaultKind, dice: number): number {
  switch (kind) {
    case 'hang':
      return 1_500 + dice * 2_000;
    case 'zombie':
      // It wakes soon after it was given up.
      return 1_080 + dice * 400;
    case 'pause':
      return 20 + dice * 500;
    case 'main-pause':
      return 50 + dice * 2_000;
    case 'stale':
    case 'late-events':
    case 'late-control':
      return 10 + dice * 400;
    case 'late-beats':
      return 10 + dice * 700;
    case 'slow-disk':
      return 100 + dice * 1_500;
    default:
      return 20 + dice * 300;
  }
}

export function describeFault(fault: Fault): string {
  const when =
    'atMs' in fault.when
      ? `at ${fault.when.atMs.toFixed(1)} ms`
      : `at '${fault.when.point}' number ${fault.when.nth}, ${fault.when.delayMs.toFixed(1)} ms after`;
  const next = fault.parallelism > 0 ? `, then parallelism ${fault.parallelism}` : '';
  return `${fault.kind} ${when} (for ${Math.round(fault.forMs)} ms, whom ${fault.whom.toFixed(2)}${next})`;
}
