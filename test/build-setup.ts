/**
 * Builds `dist/` when it is not what the sources say: whoever runs vitest by itself must not be told what an
 * old build does. It costs 60 ms when there is nothing to do.
 */

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export function setup(): void {
  const root = fileURLToPath(new URL('../', import.meta.url));
  execFileSync(process.execPath, ['scripts/bootstrap.mjs', '--build'], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}
