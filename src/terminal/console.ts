/** The program's own streams, and the reporter that suits them. No other file looks at the terminal. */

import { type Colors, createColors } from './colors.js';
import { linesOf, type Showable, show } from './escape.js';
import type { Reporter } from './reporter.js';

export type OutputMode = 'people' | 'quiet' | 'json';

export interface Console {
  /** Writes one line. Anything but a `Shown` is escaped. */
  write(line: Showable): void;
  writeError(line: Showable): void;
  /**
   * Writes what the job prints, to standard output or to standard error. Such lines are data: they go through a pipe
   * or into a file as they are, and are escaped for a terminal only.
   */
  print(lines: readonly string[]): void;
  printError(lines: readonly string[]): void;
  readonly colors: Colors;
  readonly errorColors: Colors;
  /** A person is looking at standard output. */
  readonly live: boolean;
  /**
   * Calls the listener once, when standard output takes nothing any more: its reader is gone (`| head`), or the
   * disk is full. Without a listener the program ends at once.
   */
  onLost(listener: (lost: LostOutput) => void): void;
}

export interface LostOutput {
  /** The system's code: EPIPE, ENOSPC… */
  readonly code: string;
  readonly message: string;
}

export interface ConsoleOptions {
  /** The exit code when nobody listens for the loss of the output. */
  readonly exitLost: (lost: LostOutput) => number;
}

export function openConsole({ exitLost }: ConsoleOptions): Console {
  const { stdout, stderr, env } = process;
  let tell: ((lost: LostOutput) => void) | undefined;
  let isLost = false;
  stdout.on('error', ({ code = 'unknown', message }: NodeJS.ErrnoException) => {
    // EIO: the terminal was closed. SIGHUP says so as well, and stops the job with a last checkpoint.
    if (isLost || code === 'EIO') return;
    isLost = true;
    const lost = { code, message };
    if (tell === undefined) process.exit(exitLost(lost));
    tell(lost);
  });
  // When standard error is lost, nobody is left to be told.
  stderr.on('error', () => {});
  const wanted = env['NO_COLOR'] === undefined || env['NO_COLOR'] === '';
  const colorsFor = (tty: boolean) =>
    createColors(wanted && env['TERM'] !== 'dumb' && (tty || env['FORCE_COLOR'] !== undefined));
  const line = (stream: NodeJS.WriteStream) => (text: Showable) => {
    if (stream === stdout && isLost) return;
    stream.write(`${show(text).text}\n`);
  };
  const print = (stream: NodeJS.WriteStream) => (lines: readonly string[]) => {
    if (stream === stdout && isLost) return;
    const texts = stream.isTTY ? lines.flatMap(linesOf).map(({ text }) => text) : lines;
    stream.write(`${texts.join('\n')}\n`);
  };
  return {
    write: line(stdout),
    writeError: line(stderr),
    print: print(stdout),
    printError: print(stderr),
    colors: colorsFor(stdout.isTTY === true),
    errorColors: colorsFor(stderr.isTTY === true),
    live: stdout.isTTY === true && env['TERM'] !== 'dumb',
    onLost: (listener) => {
      tell = listener;
    },
  };
}

/** Loads the reporter that is wanted. What draws the live view takes longer to load than all of the rest. */
export async function createReporter(output: OutputMode, console: Console): Promise<Reporter> {
  const { write, writeError } = console;
  const now = () => performance.now();
  if (output === 'json') {
    const { JsonReporter } = await import('./json-reporter.js');
    return new JsonReporter({ write, writeError, print: console.printError, now });
  }
  if (output === 'people' && console.live) {
    const { LiveReporter } = await import('./live-reporter.js');
    return new LiveReporter({ stream: process.stdout, writeError, colors: console.colors, now });
  }
  const quiet = output === 'quiet';
  const { print, errorColors: colors } = console;
  const { PlainReporter } = await import('./plain-reporter.js');
  return new PlainReporter({ write, writeError, print, quiet, colors, now });
}
