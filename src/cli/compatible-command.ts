/** `holdfast checkpoints DIR --compatible JOB`: tells what would become of the state, before a job is deployed. */

import { checkJob } from '../job/check-job.js';
import type { Console } from '../terminal/console.js';
import { linesOf } from '../terminal/escape.js';
import { jsonLine } from '../terminal/json-line.js';
import { formatTable } from '../terminal/table.js';
import type { CompatibleCommand } from './arguments.js';
import { EXIT_FAILED, EXIT_FINISHED } from './exit-codes.js';
import { useS3Flags } from './s3-flags.js';

/** @throws HoldfastError as `checkJob` */
export async function compatibleCommand(
  command: CompatibleCommand,
  console: Console,
): Promise<number> {
  useS3Flags(command);
  const { directory, checkpoint, args, allowDropped } = command;
  const checked = await checkJob(command.job, { directory, checkpoint, args, allowDropped });
  const { operators, problems } = checked;
  const isCompatible = problems.length === 0;
  if (command.output === 'json') {
    const told = problems.map(({ code, message, details }) => ({ code, message, details }));
    console.write(
      jsonLine({ event: 'compatible', compatible: isCompatible, ...checked, problems: told }),
    );
    return isCompatible ? EXIT_FINISHED : EXIT_FAILED;
  }
  const rows = operators.map(({ operator, type, fate, what }) => [
    operator,
    type,
    fate,
    fate === 'refused' ? '' : what,
  ]);
  const columns = [{ title: 'operator' }, { title: 'type' }, { title: 'state' }, { title: '' }];
  for (const line of formatTable(columns, rows)) console.write(line);
  for (const { message } of problems) {
    console.write('');
    for (const line of linesOf(message)) console.write(line);
  }
  console.write('');
  console.write(
    isCompatible
      ? `Job '${checked.job}' can start from checkpoint ${checked.checkpoint}.`
      : `Job '${checked.job}' cannot start from checkpoint ${checked.checkpoint}.`,
  );
  return isCompatible ? EXIT_FINISHED : EXIT_FAILED;
}
