import type { Stage } from './sink-stage.js';

/** A clause of the contract, and how it is tried. Pure description: sink-conformance.ts gives it a stage. */
export interface Clause {
  readonly clause: string;
  readonly name: string;
  /** Only for sinks that may be restarted with another parallelism. */
  readonly rescales?: boolean | undefined;
  play(stage: Stage<unknown>): Promise<void>;
}

export const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from }, (_, at) => from + at);
