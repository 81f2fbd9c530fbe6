/**
 * The few shared words that a thread and its supervisor read without asking each other.
 *
 * One block per worker thread, in shared memory that outlives the thread: the supervisor reads the
 * counters of a dead thread. Plain (non-atomic) writes are enough for the counters, which only one
 * thread writes; the doorbell is atomic. What belongs to a deployment rather than to the thread is in
 * its lease (lease.ts).
 */

export const CONTROL_BLOCK_BYTES = 64;

const PROGRESS = 0;
const DOORBELL = 1;
const PHASE = 2;
const NATIVE_ID = 3;

/**
 * What a thread is busy with; between two turns, what its last task left under way. The failure of a hang tells it.
 */
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

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(CONTROL_BLOCK_BYTES)) {
    this.shared = shared;
    this.words = new Int32Array(shared);
  }

  /** Counts that something was worked on; wraps around. Called for records, never for mere turns. */
  progress(): void {
    this.words[PROGRESS] = (this.words[PROGRESS]! + 1) | 0;
  }

  get progressCount(): number {
    return Atomics.load(this.words, PROGRESS);
  }

  /** Index of the word through which producers wake this thread; see doorbell.ts. */
  get doorbellIndex(): number {
    return DOORBELL;
  }

  get phase(): Phase {
    return phases[Atomics.load(this.words, PHASE)] ?? 'starting';
  }

  set phase(phase: Phase) {
    Atomics.store(this.words, PHASE, phases.indexOf(phase));
  }

  /** The kernel's number for this thread; 0 until the thread has told it, or where there is none. */
  get nativeId(): number {
    return Atomics.load(this.words, NATIVE_ID);
  }

  set nativeId(id: number) {
    Atomics.store(this.words, NATIVE_ID, id);
  }
}
