/** The rows of `collect` sinks, as far as completed checkpoints have made them visible. */

import type { GraphData } from '../stream/graph.js';
import type { PendingCheckpoint } from './make-manifest.js';

export class CollectedRows {
  readonly #rows = new Map<string, unknown[]>();

  /** Rows that the checkpoint from which this process started had made visible. */
  restore(operator: string, rows: readonly unknown[]): void {
    this.#push(operator, rows);
  }

  append(pending: PendingCheckpoint): void {
    for (const part of pending.captured) {
      for (const { operator, rows } of part.visible) this.#push(operator, rows);
    }
  }

  of(name: string, graph: GraphData): readonly unknown[] {
    return graph.nodes
      .filter((node) => node.collectName === name)
      .flatMap((node) => this.#rows.get(node.id) ?? []);
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
