/** Entry of the process that a guardian starts: the job itself. */

import { serveGuardian } from './child.js';

serveGuardian();
