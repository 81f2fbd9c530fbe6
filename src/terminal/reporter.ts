/** How a running job is shown: one interface, three ways. Protocol file. */

import type { GuardedJob } from '../guardian/guarded-job.js';
import type { JobResult, JobTreeNode } from '../job/job-types.js';

export interface Reporter {
  /** Listens to the job from now on. */
  attach(job: GuardedJob): void;
  /** The tree of supervision, as it is now. */
  tree(tree: JobTreeNode): void;
  /** Something that the program itself has to say. */
  note(text: string): void;
  finished(result: JobResult): void;
  failed(error: unknown): void;
  /** Leaves the terminal as it was. */
  close(): void;
}
