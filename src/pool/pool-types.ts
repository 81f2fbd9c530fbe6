/** What the pool of threads is given, and what it tells of them. Protocol file: shapes only. */

/** The options of a run that threads need. */
export interface PoolOptions {
  /** Slots: threads that work. */
  readonly parallelism: number;
  /** Warm threads beside them. */
  readonly spares: number;
  readonly heartbeat: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly busyLimitMs: number | undefined;
  };
  /** How long a thread may take to forget its tasks; then it is ended. */
  readonly restart: { readonly resetTimeoutMs: number };
  /** Handed to the job module with which each thread is loaded. */
  readonly args: Readonly<Record<string, unknown>>;
}

export interface SlotInfo {
  readonly slot: number;
  readonly threadId: number;
  readonly incarnation: number;
  readonly restarts: number;
  readonly verdict: 'starting' | 'alive' | 'idle' | 'busy' | 'suspect' | 'hung' | 'dead';
  readonly lastBeatAgoMs: number;
  /** Of V8's old generation, as of the last beat. */
  readonly heapUsedBytes: number;
  /** The heap size at which the thread would die; 0 when not known yet. */
  readonly heapLimitBytes: number;
}

/** A slot's heap stays nearly full (`slot.heap`). Told once; again only after it has sunk in between. */
export interface PressureEvent {
  readonly slot: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
  /** Share of the limit, 0…1. */
  readonly share: number;
  /** `restarting`: a checkpoint is taken, then the slot's thread is restarted. */
  readonly action: 'reported' | 'restarting';
}
