/** `holdfast run`: runs a job under a guardian, and shows it as it runs. */

import { isHoldfastError } from '../base/errors.js';
import { isS3Place, storeAt } from '../checkpoint/checkpoint-place.js';
import { type GuardedOptions, runGuarded } from '../guardian/guardian.js';
import { type Console, createReporter } from '../terminal/console.js';
import type { RunCommand } from './arguments.js';
import { EXIT_FAILED, EXIT_FINISHED, exitCodeOfError } from './exit-codes.js';
import { useS3Flags } from './s3-flags.js';
import { StopSignals } from './stop-signals.js';

export async function runCommand(command: RunCommand, console: Console): Promise<number> {
  const reporter = await createReporter(command.output, console);
  const signals = new StopSignals({
    console,
    note: (text) => reporter.note(text),
    close: () => reporter.close(),
    timeoutMs: command.stopTimeoutMs,
  });
  try {
    useS3Flags(command);
    const options = await optionsOf(command, console, signals.starting);
    const job = await runGuarded(command.job, options);
    reporter.attach(job);
    signals.attach(job);
    const showTree = (): void => {
      const tree = command.tree ? job.tree() : undefined;
      if (tree !== undefined) reporter.tree(tree);
    };
    showTree();
    const result = await job.finished;
    showTree();
    reporter.finished(result);
    return result.status === 'finished' ? EXIT_FINISHED : (signals.exitCode ?? EXIT_FAILED);
  } catch (error) {
    if (signals.exitCode !== undefined && isHoldfastError(error, 'ERR_HOLDFAST_CANCELED')) {
      reporter.note(error.message);
      return signals.exitCode;
    }
    reporter.failed(error);
    return exitCodeOfError(error);
  } finally {
    signals.dispose();
    reporter.close();
  }
}

async function optionsOf(
  command: RunCommand,
  console: Console,
  signal: AbortSignal,
): Promise<GuardedOptions> {
  const { checkpoints, intervalMs, output } = command;
  const isLive = output === 'people' && console.live;
  return {
    parallelism: command.parallelism,
    checkpoint:
      checkpoints === undefined ? undefined : { ...(await placeOf(checkpoints)), intervalMs },
    restore: command.restore,
    allowDropped: command.allowDropped,
    heartbeat: { timeoutMs: command.heartbeatTimeoutMs },
    args: command.args,
    signal,
    output: output === 'json' ? 'stderr' : isLive ? 'events' : 'inherit',
  };
}

async function placeOf(checkpoints: string): Promise<GuardedOptions['checkpoint']> {
  return isS3Place(checkpoints)
    ? { store: await storeAt(checkpoints) }
    : { directory: checkpoints };
}
