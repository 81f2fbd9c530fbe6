/** The job's events. */

import { SafeEmitter } from '../base/safe-emitter.js';
import type { JobEvents } from './job-types.js';

export class JobEmitter extends SafeEmitter<JobEvents> {}
