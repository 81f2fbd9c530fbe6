/** Finds out who in a task keeps event time waiting, and for how long; tells each long wait once. */

/** Whoever holds time back for so long is named. */
const LONG_MS = 10_000;

export interface TimeHolder {
  /** Id of the source; where times are given behind an exchange, of that `withTimestamps`. */
  readonly operator: string;
  /**
   * The split's id. Undefined when the source's instance has no split, and may still get one; and behind an exchange,
   * where an instance has one time for all its input.
   */
  readonly split: string | undefined;
  /** Ids of the sources of which a record is waited for. */
  readonly sources: readonly string[];
  /** Where it stands in event time; undefined: it has said nothing yet. */
  readonly timeMs: number | undefined;
  /** For how long it has stood there, in ms. */
  readonly heldMs: number;
}

/** Who holds a task's time, whether anybody has to wait for that or not. */
export interface HeldTime extends Pick<TimeHolder, 'operator' | 'split' | 'sources'> {
  /** Where it stands; −∞: it has said nothing yet. */
  readonly ownMs: number;
  /** Something else in the task is further. */
  readonly isBehind: boolean;
}

export interface TimeHoldersOptions {
  /** Undefined: nobody holds time. */
  readonly held: () => HeldTime | undefined;
  /** Is any other task of the region further than that? */
  readonly isBehind: (timeMs: number) => boolean;
}

export class TimeHolders {
  readonly #given: TimeHoldersOptions;
  /** The one that others wait for. */
  #held: HeldTime | undefined;
  #sinceMs = 0;
  #isTold = false;
  /** When to look again whether anybody waits: those that go on wake nobody for that. */
  #againMs: number | undefined;

  constructor(given: TimeHoldersOptions) {
    this.#given = given;
  }

  /** Who keeps time waiting now; undefined: nobody does. */
  now(now: number): TimeHolder | undefined {
    this.#look(now);
    return this.#shown(now);
  }

  /** When `take` has to be called (performance.now() ms). */
  get dueMs(): number | undefined {
    if (this.#held === undefined) return this.#againMs;
    return this.#isTold ? undefined : this.#sinceMs + LONG_MS;
  }

  /** The one that has kept time waiting for long; given once for each wait. */
  take(now: number): TimeHolder | undefined {
    this.#look(now);
    if (this.#held === undefined || this.#isTold || now < this.#sinceMs + LONG_MS) return undefined;
    this.#isTold = true;
    return this.#shown(now);
  }

  #look(now: number): void {
    const { held, isBehind } = this.#given;
    const found = held();
    const isWaitedFor = found !== undefined && (found.isBehind || isBehind(found.ownMs));
    this.#againMs = found !== undefined && !isWaitedFor ? now + LONG_MS : undefined;
    const next = isWaitedFor ? found : undefined;
    if (isSame(this.#held, next)) return;
    this.#held = next;
    this.#sinceMs = now;
    this.#isTold = false;
  }

  #shown(now: number): TimeHolder | undefined {
    if (this.#held === undefined) return undefined;
    const { operator, split, sources, ownMs } = this.#held;
    const timeMs = Number.isFinite(ownMs) ? ownMs : undefined;
    return { operator, split, sources, timeMs, heldMs: now - this.#sinceMs };
  }
}

function isSame(one: HeldTime | undefined, other: HeldTime | undefined): boolean {
  return (
    one?.operator === other?.operator && one?.split === other?.split && one?.ownMs === other?.ownMs
  );
}

/** Who it is, in words, for messages. @param instance of the operator */
export function describeHolder({ operator, split, sources }: TimeHolder, instance: number): string {
  if (split !== undefined) return `split '${split}' of source '${operator}'`;
  if (sources.includes(operator)) {
    return `a split of source '${operator}' (instance ${instance}, which has none)`;
  }
  const names = sources.map((source) => `'${source}'`).join(', ');
  return `records of ${names} at withTimestamps '${operator}' (instance ${instance}), behind an exchange`;
}
