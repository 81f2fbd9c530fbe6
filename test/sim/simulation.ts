/**
 * One seed: a topology, settings and faults are drawn, the job runs among them, a guard starts it
 * again when its process has died; then the faults stop, and it must come to its end.
 *
 *  M1  Safety is asked of all the time (oracle.ts), and at the end once more: what the sinks hold is what
 *      the sequential interpreter says, no more and no less.
 *  M2  Liveness: once faults have stopped the job ends within `LIVENESS_MS` of virtual time. What rests on purpose goes on
 *      by then, or when all has come out that can (`restMsMax`).
 *  M3  A job that gives up does so by a named error. Only a flipped bit may end it for good.
 *  M4  Every complete checkpoint is enough (I3, I18, I20): of some seeds the disk and the servers are
 *      copied at the moment when one is complete, as a power cut would leave them. After the end another
 *      job goes on from the copy, with a parallelism of its own and nothing that disturbs it, and must
 *      come to the same output.
 */

import { join } from 'node:path';
import type { HoldfastError } from '../../src/base/errors.js';
import { isHoldfastError } from '../../src/base/errors.js';
import { type Random, randomInt, seededRandom } from '../../src/base/random.js';
import type { Manifest } from '../../src/checkpoint/store.js';
import type { JobResult } from '../../src/job/job-types.js';
import type { CrashFileSystem } from '../checkpoint/crash-file-system.js';
import { applyFault } from './apply-fault.js';
import type { RegionTold } from './drift-oracle.js';
import { drawFaults, FAULTS_UNTIL_MS, type Fault } from './faults.js';
import { Life, type Occasion } from './life.js';
import { Oracle } from './oracle.js';
import type { PlantedBug } from './planted-bug.js';
import { type ExpectedAtRest, expectedAtRest, expectedSinks } from './reference.js';
import { drawSettings, type Settings } from './settings.js';
import { SimDisk } from './sim-disk.js';
import { type JobHooks, simJob } from './sim-job.js';
import { Ledger, OUT, publishedPart, stagedSink } from './sim-sinks.js';
import type { SimThread } from './sim-thread.js';
import {
  callsOf,
  drawTheme,
  drawTopology,
  isDealt,
  mix,
  type SourceSpec,
  type Theme,
  type Topology,
} from './topology.js';
import { Trace } from './trace.js';
import { bytesOf, CHECKPOINTS, placeOf } from './watched-store.js';
import { stopWatching, watchFor } from './watchers.js';
import { type Domain, World } from './world.js';

export interface SeedOptions {
  readonly bug?: PlantedBug | undefined;
  /** Instead of those that the seed draws. */
  readonly faults?: readonly Fault[] | undefined;
  /** Lines of the trace that are kept; undefined: there is none, and no hash of it. */
  readonly traceLines?: number | undefined;
}

export interface SeedResult {
  readonly seed: number;
  readonly outcome: 'finished' | 'refused' | 'failed';
  readonly violations: readonly string[];
  /** Of the whole trace: the same seed, the same hash. Undefined: there is no trace. */
  readonly hash: string | undefined;
  readonly trace: string;
  readonly topology: Topology;
  readonly settings: Settings;
  readonly faults: readonly Fault[];
  /** Those that came to pass. */
  readonly applied: readonly Fault[];
  readonly virtualMs: number;
  readonly events: number;
  readonly lives: number;
  readonly occasions: ReadonlyMap<Occasion, number>;
}

/** What another process could have found at the moment that a checkpoint was complete. */
interface Copy {
  readonly checkpoint: number;
  /** Of the process that took it. */
  readonly parallelism: number;
  readonly files: CrashFileSystem;
  readonly ledger: Ledger;
  readonly oracle: Oracle;
}

const LIVENESS_MS = 60_000;
/** While splits rest it is looked so often whether all has come out that can. */
const REST_LOOK_MS = 100;
/** How long a split at rest may keep the only open reader from the others (flowing-splits.ts, F3). */
const SPLIT_TURN_MS_MAX = 4_000;
const COPIED_SHARE = 0.2;
const COPYING = 0x636f7079;
/** More than a seed ever starts: those of a copy have numbers of their own. */
const PROCESSES_MAX = 10_000;
const EVENTS_MAX = 500_000;
/** After a fault, things may go wrong for so long. */
const AFTERMATH_MS = 8_000;
/** What a flipped bit may end a job with. */
const DAMAGE: readonly string[] = [
  'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
  'ERR_HOLDFAST_CHECKPOINT_FORMAT',
  'ERR_HOLDFAST_CHECKPOINT_LOCKED',
  'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
];

/** What a seed is about, without running it. */
export function themeOf(seed: number): Theme {
  return drawTheme(seededRandom(seed * 4 + 1));
}

export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const undo = plant(options.bug);
  try {
    const simulation = new Simulation(seed, options);
    const result = await simulation.run();
    const { copy } = simulation;
    if (copy === undefined || result.outcome !== 'finished') return result;
    return again(copy.checkpoint, result, await simulation.restored(copy).run());
  } finally {
    undo?.();
  }
}

/** @returns what undoes it */
function plant(bug: PlantedBug | undefined): (() => void) | undefined {
  if (bug?.install === undefined) return undefined;
  stopWatching();
  const undo = bug.install();
  return () => {
    stopWatching();
    undo();
  };
}

/** M4 @param copied what came of the copy */
function again(checkpoint: number, result: SeedResult, copied: SeedResult): SeedResult {
  const { hash, trace } = copied;
  const violations = copied.violations.map(
    (what) => `M4: restored from checkpoint ${checkpoint}: ${what}`,
  );
  const outcome = violations.length === 0 ? result.outcome : 'failed';
  return { ...result, hash, trace, violations, outcome };
}

export class Simulation {
  readonly world: World;
  readonly disk: SimDisk;
  readonly ledger: Ledger;
  readonly oracle: Oracle;
  readonly settings: Settings;
  readonly chance: Random;
  life: Life | undefined;
  /** The next life's. */
  parallelism: number;
  /** The last one's. */
  #parallelismBefore: number;
  isDamaged = false;
  /** Pipelines whose user code throws at its next call. */
  readonly throwing = new Set<number>();
  readonly unreadable = new Set<number>();
  readonly #seed: number;
  readonly #options: SeedOptions;
  readonly #topology: Topology;
  readonly #faults: readonly Fault[];
  readonly #hasPoints: boolean;
  readonly #applied: Fault[] = [];
  readonly #points = new Map<string, number>();
  readonly #guard: Domain;
  #troubleUntilMs = 0;
  #lives = 0;
  readonly #occasions = new Map<Occasion, number>();
  /** Chance of its own, so that copies change nothing else. */
  readonly #copying: Random;
  readonly #isCopied: boolean;
  readonly #isCopiedAfterFailure: boolean;
  /** A checkpoint has, since the last one was completed. */
  #hasFailed = false;
  #manifests = 0;
  copy: Copy | undefined;
  #threads = 0;
  #failures = 0;
  readonly #atRest: readonly ExpectedAtRest[] | undefined;
  #isLetGoOn = false;
  #outcome: 'finished' | 'refused' | undefined;

  /** @param origin where it goes on; undefined: from nothing */
  constructor(seed: number, options: SeedOptions, origin?: Copy, trace?: Trace) {
    this.#seed = seed;
    this.#options = options;
    const draw = seededRandom(seed * 4 + 1);
    const theme = drawTheme(draw);
    this.#topology = drawTopology(draw, theme);
    this.settings = drawSettings(draw, this.#topology, theme);
    const drawn = drawFaults(seededRandom(seed * 4 + 2), theme);
    this.#faults = options.faults ?? drawn;
    this.#hasPoints = this.#faults.some(({ when }) => 'point' in when);
    this.chance = seededRandom(seed * 4 + 3);
    this.world = new World(seededRandom(seed * 4), trace ?? new Trace(options.traceLines));
    this.disk = new SimDisk(this.world, origin?.files);
    this.oracle = origin?.oracle ?? new Oracle(expectedSinks(this.#topology));
    this.ledger =
      origin?.ledger.copy(this.world, this.oracle) ?? new Ledger(this.world, this.oracle);
    this.parallelism = this.settings.parallelism;
    this.#parallelismBefore = origin?.parallelism ?? this.parallelism;
    this.#copying = seededRandom(mix(seed, COPYING));
    const share = theme === 'changes' ? 1 : theme === 'times' ? 2 * COPIED_SHARE : COPIED_SHARE;
    this.#isCopied = origin === undefined && this.#copying.next() < share;
    this.#isCopiedAfterFailure = this.#copying.next() < 0.5;
    this.#guard = this.world.domain('guard');
    this.#atRest = expectedAtRest(this.#topology);
    this.#watch();
  }

  async run(): Promise<SeedResult> {
    const { world, oracle } = this;
    world.after(this.#guard, 0, () => this.#startLife());
    for (const fault of this.#faults) {
      if ('atMs' in fault.when) world.at(this.#guard, fault.when.atMs, () => this.#apply(fault));
    }
    if (this.#atRest !== undefined) {
      const fromMs = this.#faults.length === 0 ? REST_LOOK_MS : FAULTS_UNTIL_MS;
      world.at(this.#guard, fromMs, () => this.#lookAtRest());
    }
    const deadlineMs = FAULTS_UNTIL_MS + LIVENESS_MS + restMsMax(this.#topology);
    const done = () =>
      this.#outcome !== undefined || oracle.violations.length > 0 || world.nowMs > deadlineMs;
    const uncaught = (error: unknown) => oracle.violated(`a promise was rejected: ${text(error)}`);
    process.on('unhandledRejection', uncaught);
    const regions: RegionTold[] = [];
    watchFor({
      isOrdered: (pipeline) => !isDealt(this.#topology.pipelines[pipeline]!),
      restart: this.settings.restart,
      now: () => world.nowMs,
      sourceOf: (operator) => sourceOf(this.#topology, operator),
      regions: () => regions,
      violated: (what) => oracle.violated(what),
      on: (occasion) => this.#on(occasion),
    });
    try {
      const ended = await world.run(done, EVENTS_MAX);
      if (oracle.violations.length === 0 && (!ended || this.#outcome === undefined)) {
        const status = this.life?.job?.status ?? 'not running';
        oracle.violated(
          `liveness: the job is ${status} after ${world.events} events, ${Math.round(world.nowMs)} ms`,
        );
      }
      if (oracle.violations.length === 0) await this.#judge();
    } finally {
      process.off('unhandledRejection', uncaught);
    }
    return this.#result();
  }

  /** Another one, that goes on from the copy, undisturbed (M4). */
  restored(copy: Copy): Simulation {
    const { trace } = this.world;
    const next = new Simulation(this.#seed, { ...this.#options, faults: [] }, copy, trace);
    next.parallelism = 1 + randomInt(this.#copying, 4);
    next.#lives = PROCESSES_MAX;
    this.#on('copies restored');
    trace.add(0, '-', `COPY of checkpoint ${copy.checkpoint}`);
    return next;
  }

  #on(occasion: Occasion): void {
    this.#occasions.set(occasion, (this.#occasions.get(occasion) ?? 0) + 1);
  }

  /** Each of those that are completed, or that are after a failed one, is as likely to be kept as another. */
  #completed({ checkpoint }: Manifest, left: CrashFileSystem): void {
    const isPassedOver = this.#isCopiedAfterFailure && !this.#hasFailed;
    this.#hasFailed = false;
    if (!this.#isCopied || this.isDamaged || isPassedOver) return;
    this.#manifests += 1;
    if (this.#copying.next() * this.#manifests >= 1) return;
    const { world, ledger } = this;
    const oracle = this.oracle.copy();
    const parallelism = this.#parallelismBefore;
    this.copy = {
      checkpoint,
      parallelism,
      files: left,
      ledger: ledger.copy(world, oracle),
      oracle,
    };
  }

  get threads(): readonly SimThread[] {
    return this.life?.threads.filter((thread) => thread.domain.alive && !thread.dead) ?? [];
  }

  /** The process ends, and a guard starts another one. */
  endLife(): void {
    this.life?.die();
    this.world.after(this.#guard, 10 + this.world.random.next() * 200, () => this.#startLife());
  }

  /** Something may go wrong from now on, for so long and a while after. */
  trouble(forMs: number): void {
    this.#troubleUntilMs = Math.max(this.#troubleUntilMs, this.world.nowMs + forMs + AFTERMATH_MS);
  }

  after(delayMs: number, act: () => void): void {
    this.world.after(this.#guard, delayMs, act);
  }

  /** A fault of this kind has come to pass. */
  met(kind: Fault['kind']): boolean {
    return this.#applied.some((fault) => fault.kind === kind);
  }

  get regions(): number {
    return this.#topology.pipelines.length;
  }

  #watch(): void {
    const { world, disk, ledger, oracle } = this;
    world.onStep = () => {
      for (const thread of this.life?.threads ?? []) thread.poll();
    };
    world.onUncaught = (domain, error) => {
      oracle.violated(`${domain.name} threw: ${text(error)}`);
    };
    disk.onOperation = ({ kind, path }) => {
      if (this.#isPointed) this.#point(`disk ${kind} ${placeOf(path)}`);
    };
    disk.onRenamed = (path) => {
      const published = publishedPart(path);
      if (published === undefined) return;
      const content = Buffer.from(disk.files.bytes(path)).toString();
      try {
        oracle.committed(published.id, JSON.parse(content), published.part);
      } catch {
        oracle.violated(`I26: what is published as '${path}' is no whole part`);
      }
    };
    ledger.onCommit = () => this.#point('ledger commit');
  }

  #startLife(): void {
    const { world, disk, oracle, settings } = this;
    this.#lives += 1;
    const pid = this.#lives;
    if (pid > 1) this.#restoredAtRest();
    // What is called for is in snapshots too, and goes on where its share of the state is, not where its split is read.
    const keepsInFlight =
      settings.alignment !== 'aligned' ||
      this.#topology.pipelines.some((one) => callsOf(one) !== 'none');
    if (keepsInFlight && this.parallelism !== this.#parallelismBefore) oracle.hasNewPaths = true;
    this.#parallelismBefore = this.parallelism;
    const life = new Life({
      world,
      disk,
      oracle,
      settings,
      parallelism: this.parallelism,
      definition: simJob(this.#topology, this.#hooks()),
      bug: this.#options.bug,
      pid,
      nextThread: () => {
        this.#threads += 1;
        return this.#threads;
      },
      onPoint: (point, thread) => this.#point(point, thread),
      isCalm: (sinceMs) => this.#isCalm(sinceMs),
      onManifest: (manifest, left) => this.#completed(manifest, left),
      onCheckpointFailed: () => {
        this.#hasFailed = true;
      },
      on: (occasion) => this.#on(occasion),
      onRestarted: (region) => this.#restarted(region),
      onFinished: (result) => this.#finished(life, result),
      onFailed: (error) => this.#failed(life, error),
    });
    this.life = life;
    world.after(life.main, 0, () => life.start());
  }

  /** When faults are over, splits go on that rest: once all has come out that can. */
  #lookAtRest(): void {
    const { world, oracle } = this;
    const missing = oracle.missingAtRest(this.#atRest!);
    if (missing === undefined) {
      world.log('splits that rest go on');
      this.#isLetGoOn = true;
    } else if (world.nowMs < FAULTS_UNTIL_MS + LIVENESS_MS + restMsMax(this.#topology)) {
      this.after(REST_LOOK_MS, () => this.#lookAtRest());
    } else {
      oracle.violated(`I25: time stands while splits rest: ${missing}`);
    }
  }

  #isCalm(sinceMs: number): boolean {
    return sinceMs > this.#troubleUntilMs;
  }

  #hooks(): JobHooks {
    return {
      world: this.world,
      sink: (id, kind) => {
        if (kind === 'ledger') return this.ledger.sink(id);
        const files = this.disk.view();
        return stagedSink(id, this.#options.bug?.files?.(files) ?? files, this.oracle);
      },
      record: (pipeline) => {
        if (this.throwing.delete(pipeline)) throw new Error('user code that throws');
      },
      poll: (pipeline) => {
        if (this.unreadable.delete(pipeline)) throw new Error('a source that cannot be read');
      },
      isLetGoOn: () => this.#isLetGoOn,
      on: (occasion) => this.#on(occasion),
      seek: (position) => this.#options.bug?.seek?.(position) ?? position,
    };
  }

  /** Are there still faults that wait for a moment? */
  get #isPointed(): boolean {
    return this.#hasPoints && this.world.nowMs <= FAULTS_UNTIL_MS;
  }

  #point(point: string, thread?: SimThread): void {
    if (!this.#isPointed) return;
    const count = (this.#points.get(point) ?? 0) + 1;
    this.#points.set(point, count);
    for (const fault of this.#faults) {
      if (!('point' in fault.when)) continue;
      const { when } = fault;
      if (when.point !== point || when.nth !== count) continue;
      this.after(when.delayMs, () => this.#apply(fault, thread));
    }
  }

  #apply(fault: Fault, thread?: SimThread): void {
    if (this.#outcome !== undefined || this.life === undefined || this.life.over) return;
    this.#applied.push(fault);
    this.world.log(`FAULT ${fault.kind}`);
    this.trouble(fault.forMs);
    applyFault(this, fault, thread);
  }

  #restoredAtRest(): void {
    if (this.#atRest !== undefined && !this.#isLetGoOn) this.#on('restores while a split rested');
  }

  /** I30: what fails in one region's own code takes no other one down, unless a group says so. */
  #restarted(region: string): void {
    this.#restoredAtRest();
    if (this.settings.groups.length > 0) return;
    if (!this.#applied.every(({ kind }) => kind === 'throw' || kind === 'source-fails')) return;
    const concerned = this.#applied.map(({ whom }) => `p${Math.floor(whom * this.regions)}-`);
    if (concerned.some((prefix) => region.startsWith(prefix))) return;
    this.oracle.violated(`I30: region '${region}' was restarted for a failure of another`);
  }

  #finished(life: Life, result: JobResult): void {
    if (life.over) return;
    this.world.log(`${result.status}`);
    life.over = true;
    life.ended(result.status);
    // A stop without drain: the next life goes on.
    if (result.status === 'stopped') this.endLife();
    else this.#outcome = 'finished';
  }

  #failed(life: Life, error: unknown): void {
    if (life.over) return;
    this.world.log(`failed: ${text(error)}`);
    life.over = true;
    const code = isHoldfastError(error) ? (error as HoldfastError).code : undefined;
    if (code === 'ERR_HOLDFAST_ALREADY_FINISHED') {
      this.#outcome = 'finished';
      return;
    }
    for (const thread of life.threads) thread.domain.alive = false;
    if (code !== undefined && DAMAGE.includes(code) && this.isDamaged) {
      this.#outcome = 'refused';
      return;
    }
    const isNamed = code !== undefined && code !== 'ERR_HOLDFAST_INTERNAL';
    const isUncalled = code?.includes('CORRUPT') || code?.includes('FORMAT');
    if (!isNamed || isUncalled) {
      this.oracle.violated(`M3: the job ended with ${text(error)}`);
      return;
    }
    this.#failures += 1;
    if (this.#isCalm(this.world.nowMs)) {
      this.oracle.violated(`M3: nothing was wrong, and the job ended with ${text(error)}`);
    } else if (this.#failures > 60) {
      this.oracle.violated(`liveness: the job gives up again and again: ${text(error)}`);
    } else {
      this.endLife();
    }
  }

  /** When all is over. Nothing moves any more. */
  async #judge(): Promise<void> {
    const { oracle, disk } = this;
    if (this.#outcome !== 'finished') return;
    oracle.finished();
    disk.faults = [];
    for (const { id, kind } of expectedSinks(this.#topology)) {
      if (kind !== 'staged') continue;
      for (const part of oracle.partsOf(id)) {
        if (bytesOf(disk.files, join(OUT, id, part)) === undefined) {
          oracle.violated(`I26: '${part}' of sink '${id}' was published, and is gone`);
        }
      }
    }
    await this.#judgeFiles();
  }

  /** I8, I19: nothing is left that no retained checkpoint names. */
  async #judgeFiles(): Promise<void> {
    if (this.#applied.some(({ kind }) => LEAVING.includes(kind))) return;
    const { files } = this.disk;
    const named = new Set<string>();
    const manifests = await files.list(join(CHECKPOINTS, 'manifests'));
    let newest = 0;
    for (const name of manifests) {
      const bytes = bytesOf(files, join(CHECKPOINTS, 'manifests', name))!;
      for (const [file] of Buffer.from(bytes)
        .toString()
        .matchAll(/c\d{10}-e[^"]*\.part/g))
        named.add(file);
      newest = Math.max(newest, Number.parseInt(name, 10));
    }
    if (manifests.length > this.settings.retain) {
      this.oracle.violated(`I19: ${manifests.length} checkpoints are kept`);
    }
    for (const file of await files.list(join(CHECKPOINTS, 'parts'))) {
      if (!named.has(file) && Number(file.slice(1, 11)) <= newest) {
        this.oracle.violated(`I8: '${file}' is left, and no checkpoint names it`);
      }
    }
  }

  #result(): SeedResult {
    const { world, oracle } = this;
    return {
      seed: this.#seed,
      outcome: oracle.violations.length > 0 ? 'failed' : this.#outcome!,
      violations: oracle.violations,
      hash: world.trace.hash,
      trace: world.trace.text,
      topology: this.#topology,
      settings: this.settings,
      faults: this.#faults,
      applied: this.#applied,
      virtualMs: Math.round(world.nowMs),
      events: world.events,
      lives: this.#lives,
      occasions: this.#occasions,
    };
  }
}

/** @param operator the id of a source, or of the one that gives times to its records */
function sourceOf({ pipelines }: Topology, operator: string): SourceSpec | undefined {
  const [, pipeline, source] = /^p(\d+)-(?:source|time)(\d+)$/.exec(operator) ?? [];
  return pipelines[Number(pipeline)]?.sources[Number(source)];
}

/** Faults after which files may be left for a later sweep: the last one may have been cut off. */
const LEAVING: readonly string[] = ['eio', 'enospc', 'kill', 'power-cut', 'bit-flip', 'slow-disk'];

function text(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as { code?: string }).code;
  return `${code ?? error.name}: ${error.message}${code?.startsWith('ERR_HOLDFAST') ? '' : `\n${error.stack}`}`;
}

/** With one reader open each record of a split may have to wait for the turns of all the others. */
function restMsMax({ pipelines }: Topology): number {
  const sources = pipelines.flatMap((pipeline) => pipeline.sources);
  const rounds = sources.map(
    ({ unequal = [] }) =>
      unequal.reduce((most, { records }) => Math.max(most, records), 0) * unequal.length,
  );
  return SPLIT_TURN_MS_MAX * Math.max(...rounds);
}
