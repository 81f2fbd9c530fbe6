#!/usr/bin/env node
/**
 * The command line: parse, dispatch, exit code.
 *
 * Each command loads what it needs. To load all of them would be most of what a short command takes.
 */

import { packageVersion } from '../module/own-package.js';
import { type Console, openConsole } from '../terminal/console.js';
import { describeError, errorData } from '../terminal/describe-error.js';
import { linesOf, shown } from '../terminal/escape.js';
import { jsonLine } from '../terminal/json-line.js';
import { parseCommandLine, UsageError } from './arguments.js';
import { EXIT_FINISHED, EXIT_USAGE, exitCodeOfError, lostOutputCode } from './exit-codes.js';

async function main(argv: readonly string[], console: Console): Promise<number> {
  const command = parseCommandLine(argv);
  switch (command.kind) {
    case 'help':
      for (const line of linesOf(command.text)) console.write(line);
      return argv.length === 0 ? EXIT_USAGE : EXIT_FINISHED;
    case 'version':
      console.write(packageVersion());
      return EXIT_FINISHED;
    case 'run':
      return await (await import('./run-command.js')).runCommand(command, console);
    case 'demo':
      return await (await import('./demo-command.js')).demoCommand(command, console);
    case 'checkpoints':
      return await (await import('./checkpoints-command.js')).checkpointsCommand(command, console);
    case 'compatible':
      return await (await import('./compatible-command.js')).compatibleCommand(command, console);
    case 'savepoint':
      return await (await import('./savepoint-command.js')).savepointCommand(command, console);
  }
}

const argv = process.argv.slice(2);
const terminal = openConsole({ exitLost: lostOutputCode });
try {
  process.exitCode = await main(argv, terminal);
} catch (error) {
  if (error instanceof UsageError) {
    // The first line alone: frames of this program help nobody with a mistake on the command line.
    terminal.writeError(describeError(error, terminal.errorColors)[0] ?? '');
    terminal.writeError(shown`See holdfast --help.`);
    process.exitCode = EXIT_USAGE;
  } else {
    if (argv.includes('--json'))
      terminal.write(jsonLine({ event: 'error', error: errorData(error) }));
    else {
      for (const line of describeError(error, terminal.errorColors)) terminal.writeError(line);
    }
    process.exitCode = exitCodeOfError(error);
  }
}
// The exit is explicit. While Node takes itself down its signal handlers are gone, and a signal would replace the code.
process.stdout.write('', () => process.exit());
