/** The program, run as people run it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Standard output up to now, as soon as it has this in it. */
  said(text: string): Promise<string>;
}

export function holdfast(
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly cwd?: string;
    /** As a shell starts it: the leader of a group of processes, to which a terminal sends signals. */
    readonly group?: boolean;
  } = {},
): Started {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: options.group ?? false,
  });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<{ readonly text: string; readonly resolve: (stdout: string) => void }>();
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    for (const wait of waiting) if (stdout.includes(wait.text)) wait.resolve(stdout);
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return {
    child,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        if (stdout.includes(text)) resolve(stdout);
        waiting.add({ text, resolve });
        ended.then(({ stderr: why }) =>
          reject(new Error(`it ended without saying '${text}': ${why}`)),
        );
      }),
  };
}

/** Every line of standard output, as JSON: throws when one is not. */
export function jsonLines({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
