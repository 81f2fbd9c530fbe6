/** The rows of `collect` sinks, as far as completed checkpoints have made them visible. */

import { HoldfastError } from '../../base/errors.js';
import { decodeRows, type EncodedRows } from '../../codec/encoded-rows.js';
import { COLLECT_ROWS_MAX, collectLimit } from '../../connectors/memory/collect.js';
import { TableRows } from '../../connectors/memory/table-rows.js';
import type { GraphData } from '../../stream/graph/graph.js';
import type { CapturedPart } from '../../workloads/streams/stream-types.js';
import type { PendingCheckpoint } from './make-manifest.js';
import { type EncodedRecord, type RowRecord, rowRecord, rowsOf } from './row-record.js';

export class CollectedRows {
  /** By operator and instance: rows that the checkpoint from which this process started had made visible. */
  readonly #restored = new Map<string, Map<number, EncodedRows>>();
  readonly #rows = new Map<string, EncodedRows[]>();
  /** By operator, those of tables. */
  readonly #tables = new Map<string, TableRows>();
  /** Rows decoded so far, by their bytes, so that they are decoded only once. */
  readonly #decoded = new WeakMap<Uint8Array, readonly unknown[]>();
  /** Number of rows of each operator in a checkpoint under way. */
  #announced = { checkpoint: 0, rows: new Map<string, number>() };

  /** May be called again for an instance, when the job fails before it has a checkpoint of its own. */
  restore(operator: string, instance: number, rows: EncodedRows, graph: GraphData): void {
    if (isTable(operator, graph)) {
      const table = new TableRows();
      table.apply(rows.bytes);
      this.#tables.set(operator, table);
      return;
    }
    let instances = this.#restored.get(operator);
    if (instances === undefined) {
      instances = new Map();
      this.#restored.set(operator, instances);
    }
    instances.set(instance, rows);
  }

  /**
   * A task has cut these rows for a checkpoint that may still fail.
   * @returns what is wrong when the checkpoint would show more rows of a name than there may be, counted with
   *   what other tasks have announced of it; undefined when nothing is
   */
  announce(
    { checkpoint, visible }: Pick<CapturedPart, 'checkpoint' | 'visible'>,
    graph: GraphData,
  ): HoldfastError | undefined {
    if (this.#announced.checkpoint !== checkpoint)
      this.#announced = { checkpoint, rows: new Map() };
    const { rows } = this.#announced;
    for (const { operator, rows: more } of visible) {
      rows.set(operator, (rows.get(operator) ?? 0) + more.count);
    }
    for (const { operator } of visible) {
      if (isTable(operator, graph)) continue; // its sink counts its rows
      const name = graph.nodes.find(({ id }) => id === operator)?.collectName;
      const alike = graph.nodes.filter(({ collectName }) => collectName === name);
      const count = alike.reduce((sum, { id }) => sum + this.#countOf(id) + (rows.get(id) ?? 0), 0);
      if (name !== undefined && count > COLLECT_ROWS_MAX) return collectLimit(name);
    }
    return undefined;
  }

  append(pending: PendingCheckpoint, graph: GraphData): void {
    for (const part of pending.captured) {
      for (const { operator, rows } of part.visible) {
        if (isTable(operator, graph)) this.#tableOf(operator).apply(rows.bytes);
        else this.#push(operator, rows);
      }
    }
  }

  /**
   * @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when no sink has that name; …_CODEC for an instance of a
   *   class whose codec this thread does not know
   */
  of(name: string, graph: GraphData): readonly unknown[] {
    if (graph.nodes.every((node) => node.collectName !== name)) throw unknownName(name, graph);
    return this.#chunks(name, graph).flatMap((bytes) => this.#decode(name, bytes));
  }

  all(graph: GraphData): RowRecord {
    const names = new Set(graph.nodes.map((node) => node.collectName));
    const chunks: EncodedRecord = [...names]
      .filter((name) => name !== undefined)
      .map((name) => [name, this.#chunks(name, graph)]);
    return rowRecord(chunks);
  }

  #chunks(name: string, graph: GraphData): readonly Uint8Array[] {
    const sinks = graph.nodes.filter((node) => node.collectName === name);
    return sinks.flatMap(({ id, collectsTable }) =>
      collectsTable === true
        ? this.#tableOf(id).bytes
        : [...(this.#restored.get(id) ?? [])]
            .sort(([a], [b]) => a - b)
            .map(([, rows]) => rows)
            .concat(this.#rows.get(id) ?? [])
            .map(({ bytes }) => bytes),
    );
  }

  #decode(name: string, bytes: Uint8Array): readonly unknown[] {
    const known = this.#decoded.get(bytes);
    if (known !== undefined) return known;
    const rows: unknown[] = [];
    decodeRows(bytes, rowsOf(name), rows);
    this.#decoded.set(bytes, rows);
    return rows;
  }

  #tableOf(operator: string): TableRows {
    const table = this.#tables.get(operator) ?? new TableRows();
    this.#tables.set(operator, table);
    return table;
  }

  #countOf(operator: string): number {
    const restored = [...(this.#restored.get(operator)?.values() ?? [])];
    const all = restored.concat(this.#rows.get(operator) ?? []);
    return all.reduce((sum, { count }) => sum + count, 0);
  }

  #push(operator: string, rows: EncodedRows): void {
    if (rows.count === 0) return;
    const known = this.#rows.get(operator);
    if (known === undefined) this.#rows.set(operator, [rows]);
    else known.push(rows);
  }
}

function isTable(operator: string, { nodes }: GraphData): boolean {
  return nodes.some(({ id, collectsTable }) => id === operator && collectsTable === true);
}

function unknownName(name: string, graph: GraphData): HoldfastError {
  const names = graph.nodes.flatMap(({ collectName }) => collectName ?? []);
  const known =
    names.length === 0
      ? 'it has no collect sinks'
      : `there are ${names.map((one) => `'${one}'`).join(', ')}`;
  return new HoldfastError(
    'ERR_HOLDFAST_BAD_OPTION',
    `collected('${name}'): the job has no sink collect('${name}'); ${known}.`,
    { details: { name, known: names } },
  );
}
