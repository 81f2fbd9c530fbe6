/** Dies at a point of the protocol: `KILL_AT='manifest:rename after 2'` is at the end of the second. */

import { subscribe } from 'node:diagnostics_channel';

let armed = false;

/** Once in each thread; a point that several threads pass is counted in each of them. */
export function armFromEnvironment() {
  const at = process.env['KILL_AT'];
  if (at === undefined || armed) return;
  armed = true;
  const [point, when, nth] = at.split(' ');
  let left = Number(nth);
  subscribe('holdfast:protocol', (message) => {
    if (message.point !== point || message.when !== when) return;
    left -= 1;
    if (left === 0) process.kill(process.pid, 'SIGKILL');
  });
}
