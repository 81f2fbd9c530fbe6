/** A failing seed, as short as it can be told. */

import { describeFault, type Fault } from './faults.js';
import { runSeed, type SeedOptions, type SeedResult } from './simulation.js';

const RUNS_MAX = 40;
const TRACE_LINES = 60;

/**
 * Leaves out faults, one at a time, as long as the seed fails without them.
 * @param result of a seed that failed
 */
export async function shrink(result: SeedResult, options: SeedOptions = {}): Promise<SeedResult> {
  let least = result;
  let runs = 0;
  let faults: readonly Fault[] = result.applied;
  const attempt = async (tried: readonly Fault[]): Promise<boolean> => {
    runs += 1;
    const next = await runSeed(result.seed, { ...options, faults: tried });
    if (next.violations.length === 0) return false;
    least = next;
    faults = tried;
    return true;
  };
  // Without those that never came to pass nothing changes; if it does, the drawn list is kept.
  if (!(await attempt(faults))) faults = result.faults;
  // Once more from the beginning while that helps: what was needed may be needed no more.
  for (let kept = 0; kept < faults.length && runs < RUNS_MAX; ) {
    const [first, ...rest] = faults;
    if (await attempt(rest)) {
      kept = 0;
    } else {
      faults = [...rest, first!];
      kept += 1;
    }
  }
  return await runSeed(result.seed, { ...options, faults: least.faults, traceLines: TRACE_LINES });
}

export function describeResult(result: SeedResult, commit: string): string {
  const { seed, settings, topology, faults, violations, trace } = result;
  return [
    `seed ${seed} failed (commit ${commit})`,
    ...violations.map((violation) => `  ${violation}`),
    'settings',
    `  ${JSON.stringify(settings)}`,
    ...topology.pipelines.map((pipeline) => `  ${JSON.stringify(pipeline)}`),
    faults.length === 0 ? 'no faults are needed' : 'faults that are needed',
    ...faults.map((fault) => `  ${describeFault(fault)}`),
    'trace, its end',
    trace.replace(/^/gm, '  '),
    `again: npm run sim -- --seed ${seed} --trace`,
  ].join('\n');
}
