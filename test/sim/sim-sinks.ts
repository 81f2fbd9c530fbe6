/**
 * Two-phase sinks of a simulation, and what they write to.
 *
 * `staged`: files on the simulated disk, staged under a name of their own, renamed by a committer in the
 * driver: the rename sink's recipe. `ledger`: a server of its own that outlives every process; rows are
 * staged there, and committed by a thread; answers may get lost.
 *
 * What a checkpoint that was given up had prepared is carried over into the next one (`abort`).
 */

import { join } from 'node:path';
import { HoldfastError } from '../../src/base/errors.js';
import { errnoOf, type FileSystem } from '../../src/checkpoint/directory/file-system.js';
import { writeFully } from '../../src/checkpoint/parts/part-io.js';
import type { Committer } from '../../src/connectors/committer.js';
import type { CommitterData, Sink, SinkContext, SinkTransaction } from '../../src/stream/sink.js';
import type { Row } from './topology.js';
import type { Domain, World } from './world.js';

/** What the sinks tell the oracles. */
export interface SinkWatch {
  /** A row was written by a task of this epoch. */
  written(operator: string, epoch: number): void;
  /** Rows have become visible, in this order. */
  committed(operator: string, rows: readonly Row[], part: string): void;
  violated(what: string): void;
}

export const OUT = '/sim/out';
const STAGED = 'staged-';

/** More than are ever in flight. */
const PREPARED_KEPT = 9;

interface Prepared {
  readonly checkpoint: number;
  readonly parts: readonly string[];
}

/** Writes rows in parts; `stage` makes one durable under a name. */
function partWriter(
  context: SinkContext,
  watch: SinkWatch,
  stage: (name: string, rows: readonly Row[]) => Promise<void>,
) {
  const { operator, instance, epoch, incarnation } = context;
  let rows: Row[] = [];
  let carried: readonly string[] = [];
  let prepared: readonly Prepared[] = [];
  // What is carried may be on its way: its checkpoint can be given up meanwhile.
  let staging: Promise<unknown> = Promise.resolve();
  let count = 0;
  return {
    write: (row: Row) => {
      watch.written(operator, epoch);
      rows.push(row);
    },
    prepare: async (checkpoint: number) => {
      const parts = [...carried];
      const cut = rows;
      rows = [];
      carried = [];
      count += 1;
      const order = String(count).padStart(6, '0');
      const name = `${instance}-e${epoch}-n${incarnation}-${order}`;
      if (cut.length > 0) parts.push(name);
      prepared = [...prepared, { checkpoint, parts }].slice(-PREPARED_KEPT);
      if (cut.length > 0) staging = Promise.all([staging, stage(name, cut)]);
      await staging;
      return parts.length === 0 ? undefined : { transaction: { parts } };
    },
    abort: (checkpoint: number) => {
      const given = prepared.find((one) => one.checkpoint === checkpoint);
      if (given === undefined) return;
      carried = [...given.parts, ...carried];
      prepared = prepared.filter((one) => one !== given);
    },
    close: () => {},
  };
}

function partsOf(transactions: readonly SinkTransaction[]): readonly string[] {
  return transactions.flatMap((transaction) => transaction['parts'] as readonly string[]);
}

// ---- staged: files, committed by the driver ------------------------------------------------------

export function stagedSink(id: string, files: FileSystem, watch: SinkWatch): Sink<Row> {
  const directory = join(OUT, id);
  return {
    kind: 'staged',
    committer: { kind: 'staged', directory, id },
    open: async (context) =>
      partWriter(context, watch, async (name, rows) => {
        const file = await files.create(join(directory, `${STAGED}${name}`));
        try {
          await writeFully(file, Buffer.from(JSON.stringify(rows)));
          await file.sync();
        } finally {
          await file.close();
        }
        await syncDirectory(files, directory);
      }),
  };
}

/** `part-0000000012-0-e3-n4-000001`: in the order of names, rows of a key are in theirs. */
function publishedName(checkpoint: number, part: string): string {
  return `part-${String(checkpoint).padStart(10, '0')}-${part}`;
}

export class StagedCommitter implements Committer {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #id: string;
  readonly #watch: SinkWatch;

  constructor(data: CommitterData, files: FileSystem, watch: SinkWatch) {
    this.#files = files;
    this.#directory = data['directory'] as string;
    this.#id = data['id'] as string;
    this.#watch = watch;
  }

  async recover(state: Parameters<Committer['recover']>[0]): Promise<void> {
    try {
      await this.#files.makeDirectory(this.#directory);
      if (state.checkpoint !== undefined) await this.#publish(state.checkpoint, state.transactions);
      for (const name of await this.#files.list(this.#directory)) {
        if (name.startsWith(STAGED)) await this.#files.remove(join(this.#directory, name));
        else if (Number(name.split('-')[1]) > (state.checkpoint ?? 0)) {
          this.#watch.violated(
            `I11: '${name}' of sink '${this.#id}' is published, but the run goes back to checkpoint ${state.checkpoint}`,
          );
        }
      }
      await syncDirectory(this.#files, this.#directory);
    } catch (error) {
      throw sinkError(this.#id, error);
    }
  }

  async commit(checkpoint: number, transactions: readonly SinkTransaction[]): Promise<void> {
    try {
      await this.#publish(checkpoint, transactions);
    } catch (error) {
      throw sinkError(this.#id, error);
    }
  }

  async #publish(checkpoint: number, transactions: readonly SinkTransaction[]): Promise<void> {
    const parts = partsOf(transactions);
    for (const part of parts) {
      const to = publishedName(checkpoint, part);
      try {
        await this.#files.rename(
          join(this.#directory, `${STAGED}${part}`),
          join(this.#directory, to),
        );
      } catch (error) {
        // Only a commit removes it: it was committed before.
        if (errnoOf(error) !== 'ENOENT') throw error;
      }
    }
    if (parts.length > 0) await syncDirectory(this.#files, this.#directory);
  }
}

async function syncDirectory(files: FileSystem, directory: string): Promise<void> {
  const handle = await files.openDirectory(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The sink and the part that a path is of, once it is published. */
export function publishedPart(
  path: string,
): { readonly id: string; readonly part: string } | undefined {
  const match = /^\/sim\/out\/([^/]+)\/(part-.+)$/.exec(path);
  return match === null ? undefined : { id: match[1]!, part: match[2]! };
}

// ---- ledger: a server ----------------------------------------------------------------------------

export interface LedgerTrouble {
  readonly kind: 'lost-answer' | 'refusal' | 'slow';
  readonly untilMs: number;
}

export class Ledger {
  readonly #world: World;
  readonly #server: Domain;
  readonly #watch: SinkWatch;
  readonly #staged = new Map<string, { readonly epoch: number; readonly rows: readonly Row[] }>();
  readonly #committed = new Set<string>();
  trouble: LedgerTrouble | undefined;
  /** A commit was carried out. */
  onCommit: () => void = () => {};

  constructor(world: World, watch: SinkWatch) {
    this.#world = world;
    this.#server = world.domain('ledger');
    this.#watch = watch;
  }

  /** What it holds, in another world. */
  copy(world: World, watch: SinkWatch): Ledger {
    const copy = new Ledger(world, watch);
    for (const [handle, staged] of this.#staged) copy.#staged.set(handle, staged);
    for (const handle of this.#committed) copy.#committed.add(handle);
    return copy;
  }

  sink(id: string): Sink<Row> {
    return {
      kind: 'ledger',
      commit: (_checkpoint, transactions) =>
        this.#request(`commit ${id}`, () => this.#commit(id, partsOf(transactions))),
      open: async (context) => {
        await this.#request(`drop ${id}`, () => this.#drop(id, context.epoch));
        return partWriter(context, this.#watch, (name, rows) =>
          this.#request(`stage ${id}/${name}`, () => {
            this.#staged.set(`${id}/${name}`, { epoch: context.epoch, rows });
          }),
        );
      },
    };
  }

  #commit(id: string, parts: readonly string[]): void {
    for (const part of parts) {
      const handle = `${id}/${part}`;
      if (this.#committed.has(handle)) continue;
      const staged = this.#staged.get(handle);
      if (staged === undefined) {
        this.#watch.violated(`I26: '${handle}' is to be committed, and is not staged`);
        continue;
      }
      this.#committed.add(handle);
      this.#staged.delete(handle);
      this.#watch.committed(id, staged.rows, part);
    }
    this.onCommit();
  }

  /** What older epochs have left, after the restored checkpoint's were committed. */
  #drop(id: string, epoch: number): void {
    for (const [handle, staged] of this.#staged) {
      if (handle.startsWith(`${id}/`) && staged.epoch < epoch) this.#staged.delete(handle);
    }
  }

  #request(what: string, perform: () => void): Promise<void> {
    const world = this.#world;
    const domain = world.current;
    return new Promise((resolve, reject) => {
      world.after(this.#server, world.between(0.1, 3), () => {
        const { trouble } = this;
        const kind =
          trouble !== undefined && trouble.untilMs > world.nowMs ? trouble.kind : undefined;
        world.log(`${what}${kind === undefined ? '' : ` (${kind})`}`);
        if (kind === 'refusal') {
          world.after(domain, 1, () => reject(new Error('the ledger refuses')));
          return;
        }
        perform();
        if (kind === 'lost-answer') {
          world.after(domain, 5, () => reject(new Error('the connection to the ledger broke')));
        } else {
          const delayMs = kind === 'slow' ? world.between(500, 8_000) : world.between(0.1, 3);
          world.after(domain, delayMs, resolve);
        }
      });
    });
  }
}

function sinkError(id: string, cause: unknown): HoldfastError {
  const problem = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError('ERR_HOLDFAST_SINK', `sink '${id}': ${problem}.`, { cause });
}
