/**
 * The few shared words that a thread and its supervisor read without asking each other.
 *
 * One block per worker thread, in shared memory that outlives the thread: the supervisor reads the
 * counters of a dead thread. Plain (non-atomic) writes are enough for the counters, which only one
 * thread writes; the epoch and the doorbell are atomic.
 */

export const CONTROL_BLOCK_BYTES = 256;

const PROGRESS = 0;
const EPOCH = 1;
const DOORBELL = 2;
const PHASE = 3;
const NATIVE_ID = 4;
const FLOATS_OFFSET_BYTES = 64;
const SOURCE_RECORDS = 0;
const SINK_RECORDS = 1;

/** What a thread is busy with; told in failures and metrics. */
export const phases = [
  'starting',
  'idle',
  'running',
  'aligning',
  'capturing',
  'restoring',
  'stopping',
] as const;
export type Phase = (typeof phases)[number];

export class ControlBlock {
  readonly shared: SharedArrayBuffer;
  /** Exposed for the hot path: `words[0] += 1` is the progress counter. */
  readonly words: Int32Array;
  readonly #floats: Float64Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(CONTROL_BLOCK_BYTES)) {
    this.shared = shared;
    this.words = new Int32Array(shared, 0, FLOATS_OFFSET_BYTES / 4);
    this.#floats = new Float64Array(shared, FLOATS_OFFSET_BYTES);
  }

  /** Counts that something was worked on; wraps around. Called for records, never for mere turns. */
  progress(): void {
    this.words[PROGRESS] = (this.words[PROGRESS]! + 1) | 0;
  }

  get progressCount(): number {
    return Atomics.load(this.words, PROGRESS);
  }

  /** The epoch that this thread may work for; tasks of another epoch stop after their current record. */
  get epoch(): number {
    return Atomics.load(this.words, EPOCH);
  }

  set epoch(epoch: number) {
    Atomics.store(this.words, EPOCH, epoch);
  }

  /** The word that producers wake this thread through; see doorbell.ts. */
  get doorbellIndex(): number {
    return DOORBELL;
  }

  get phase(): Phase {
    return phases[Atomics.load(this.words, PHASE)] ?? 'starting';
  }

  set phase(phase: Phase) {
    Atomics.store(this.words, PHASE, phases.indexOf(phase));
  }

  /** The kernel's number for this thread; 0 until it has told, or where there is none. */
  get nativeId(): number {
    return Atomics.load(this.words, NATIVE_ID);
  }

  set nativeId(id: number) {
    Atomics.store(this.words, NATIVE_ID, id);
  }

  /** Position of this thread's sources: records emitted since the job's first start, replays not counted twice. */
  get sourceRecords(): number {
    return this.#floats[SOURCE_RECORDS]!;
  }

  set sourceRecords(count: number) {
    this.#floats[SOURCE_RECORDS] = count;
  }

  /** Records that reached this thread's sinks in this epoch. */
  get sinkRecords(): number {
    return this.#floats[SINK_RECORDS]!;
  }

  set sinkRecords(count: number) {
    this.#floats[SINK_RECORDS] = count;
  }
}
