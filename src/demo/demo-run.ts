/** Makes the planned kills of a running demo: the driver of `kill-director.ts`. */

import type { GuardedJob } from '../guardian/guarded-job.js';
import type { JobResult } from '../job/job-types.js';
import { type DirectorEvent, KillDirector } from './kill-director.js';
import { KillLog, type KillRow } from './kill-log.js';
import type { PlannedKill } from './kill-plan.js';

export interface KilledRun {
  readonly result: JobResult;
  readonly log: KillLog;
}

/** @param onRow called after each recovery */
export async function runKilled(
  job: GuardedJob,
  plan: readonly PlannedKill[],
  onRow: (row: KillRow) => void,
): Promise<KilledRun> {
  const director = new KillDirector(plan);
  const log = new KillLog();
  const handle = (event: DirectorEvent): void => {
    for (const command of director.handle(event)) {
      if (command.kind === 'ask-checkpoint') {
        // The event `checkpoint` tells of its completion.
        job.checkpointNow().catch(() => handle({ kind: 'checkpoint-refused' }));
      } else {
        const { number, planned } = command;
        log.ordered(number, planned);
        if (planned.target.kind === 'process') job.killProcess('SIGKILL');
        else if (planned.cause !== 'SIGKILL') job.kill(planned.target.slot, planned.cause);
      }
    }
  };
  job.on('progress', ({ sourceRecords }) => handle({ kind: 'progress', records: sourceRecords }));
  job.on('checkpoint', ({ kind }) => {
    if (kind === 'completed') handle({ kind: 'checkpoint-completed' });
  });
  job.on('failure', () => handle({ kind: 'down' }));
  job.on('process-died', () => handle({ kind: 'down' }));
  const recovered: Parameters<typeof job.on<'restarted'>>[1] = (event) => {
    onRow(log.recovered(event));
    handle({ kind: 'recovered' });
  };
  job.on('restarted', recovered);
  job.on('process-restarted', (event) => {
    onRow(log.recovered(event));
    handle({ kind: 'recovered' });
  });
  return { result: await job.finished, log };
}
