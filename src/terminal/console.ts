/** The program's own streams, and which reporter suits them. The only file that looks at the terminal. */

import picocolors from 'picocolors';
import type { Colors } from 'picocolors/types.js';
import { JsonReporter } from './json-reporter.js';
import { LiveReporter } from './live-reporter.js';
import { PlainReporter } from './plain-reporter.js';
import type { Reporter } from './reporter.js';

export type OutputMode = 'people' | 'quiet' | 'json';

export interface Console {
  write(line: string): void;
  writeError(line: string): void;
  readonly colors: Colors;
  readonly errorColors: Colors;
  /** A person is looking at standard output. */
  readonly live: boolean;
}

export function openConsole(): Console {
  const { stdout, stderr, env } = process;
  // A reader that has gone away (`| head`) is no reason for a stack; the job goes with its guardian.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!isHungUp(error)) process.exit(1);
  });
  // Nobody is left to be told.
  stderr.on('error', () => {});
  const wanted = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '';
  const colorsFor = (tty: boolean) =>
    picocolors.createColors(
      wanted && env['TERM'] !== 'dumb' && (tty || env['FORCE_COLOR'] !== undefined),
    );
  return {
    write: (line) => stdout.write(`${line}\n`),
    writeError: (line) => stderr.write(`${line}\n`),
    colors: colorsFor(stdout.isTTY === true),
    errorColors: colorsFor(stderr.isTTY === true),
    live: stdout.isTTY === true && env['TERM'] !== 'dumb',
  };
}

/** The terminal was closed: SIGHUP says so, too, and the job is stopped with a last checkpoint. */
function isHungUp({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EIO';
}

export function createReporter(output: OutputMode, console: Console): Reporter {
  const { write, writeError } = console;
  const now = () => performance.now();
  if (output === 'json') return new JsonReporter({ write, writeError, now });
  if (output === 'people' && console.live) {
    return new LiveReporter({ stream: process.stdout, writeError, colors: console.colors, now });
  }
  const quiet = output === 'quiet';
  return new PlainReporter({ write, writeError, quiet, colors: console.errorColors, now });
}
