/**
 * How V8 collects young objects.
 *
 * By default helper threads take part in every scavenge, and the thread that needs it waits for them.
 * Where data threads keep all cores busy, the helpers first wait for a processor. So a pause of one or two
 * milliseconds becomes one of ten, and more often while a checkpoint is written, which also needs processors.
 * A thread that scavenges alone is as fast, because little survives.
 *
 * V8 has one such flag for the whole process, and reads it at every scavenge.
 */

import { setFlagsFromString } from 'node:v8';

/** `auto`: alone where slots leave no core to helpers, otherwise as V8 does it. */
export type Scavenging = 'auto' | 'parallel' | 'serial';

export const SCAVENGING: readonly Scavenging[] = ['auto', 'parallel', 'serial'];

export interface ScavengingGiven {
  readonly scavenging: Scavenging;
  readonly slots: number;
  readonly cores: number;
  /** Node's own options: `auto` does not overrule a flag that was given there. */
  readonly nodeOptions: readonly string[];
}

const DECIDED = /(parallel[-_]scavenge|single[-_]threaded)/;

/** The flag to set; undefined to leave things as they are. */
export function scavengingFlag(given: ScavengingGiven): string | undefined {
  const { scavenging, slots, cores, nodeOptions } = given;
  if (scavenging === 'parallel') return '--parallel-scavenge';
  if (scavenging === 'serial') return '--no-parallel-scavenge';
  if (slots < cores || nodeOptions.some((option) => DECIDED.test(option))) return undefined;
  return '--no-parallel-scavenge';
}

/** Sets the flag for the whole process, from now on. */
export function settleScavenging(
  given: Pick<ScavengingGiven, 'scavenging' | 'slots' | 'cores'>,
): void {
  const nodeOptions = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  const flag = scavengingFlag({ ...given, nodeOptions });
  if (flag !== undefined) setFlagsFromString(flag);
}
