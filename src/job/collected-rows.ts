/** The rows of `collect` sinks, as far as completed checkpoints have made them visible. */

import { HoldfastError } from '../base/errors.js';
import type { GraphData } from '../stream/graph.js';
import type { PendingCheckpoint } from './make-manifest.js';

export class CollectedRows {
  /** By operator and instance: what the checkpoint from which this process started had shown. */
  readonly #restored = new Map<string, Map<number, readonly unknown[]>>();
  readonly #rows = new Map<string, unknown[]>();

  /** May come again for an instance, when the job fails before it has a checkpoint of its own. */
  restore(operator: string, instance: number, rows: readonly unknown[]): void {
    let instances = this.#restored.get(operator);
    if (instances === undefined) {
      instances = new Map();
      this.#restored.set(operator, instances);
    }
    instances.set(instance, rows);
  }

  append(pending: PendingCheckpoint): void {
    for (const part of pending.captured) {
      for (const { operator, rows } of part.visible) this.#push(operator, rows);
    }
  }

  /** @throws HoldfastError ERR_HOLDFAST_BAD_OPTION when no sink has that name */
  of(name: string, graph: GraphData): readonly unknown[] {
    const sinks = graph.nodes.filter((node) => node.collectName === name);
    if (sinks.length === 0) throw unknownName(name, graph);
    return sinks.flatMap(({ id }) => [
      ...[...(this.#restored.get(id) ?? [])].sort(([a], [b]) => a - b).flatMap(([, rows]) => rows),
      ...(this.#rows.get(id) ?? []),
    ]);
  }

  all(graph: GraphData): Readonly<Record<string, readonly unknown[]>> {
    const names = new Set(graph.nodes.map((node) => node.collectName));
    return Object.fromEntries(
      [...names].filter((name) => name !== undefined).map((name) => [name, this.of(name, graph)]),
    );
  }

  #push(operator: string, rows: readonly unknown[]): void {
    const known = this.#rows.get(operator);
    if (known === undefined) this.#rows.set(operator, [...rows]);
    else for (const row of rows) known.push(row);
  }
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
