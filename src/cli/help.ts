import { exitCodePage } from './exit-codes.js';
import { STOP_TIMEOUT_MS } from './stop-signals.js';

/** The page that `--help` prints. */
export function helpPage(): string {
  const codes = exitCodePage.map(
    ([code, meaning]) => `  ${String(code).padEnd(5)}${wrap(meaning, 7)}`,
  );
  return `Holdfast: fault-tolerant, stateful stream processing.

Usage
  holdfast run JOB [options]        run a job module (TypeScript or JavaScript) to its end
  holdfast demo [options]           kill a job again and again, and compare its result
  holdfast checkpoints DIR          list the checkpoints of a directory, or of a bucket
  holdfast savepoint DIR TO         copy a checkpoint to a place of its own
  holdfast --help | --version

holdfast run JOB
  --parallelism N      worker threads (slots); default: available cores
  --checkpoints DIR    where checkpoints are kept; without it a failure starts over, or ends the job
  --interval MS        time between checkpoints; default 1000
  --restore WHAT       latest (default), none (start afresh), a checkpoint's number, or the path of
                       a savepoint (with a / in it), which needs an empty checkpoint directory
  --allow-dropped ID   state of an operator that is gone may be lost, or ID#NAME: an aggregation's;
                       may be repeated
  --stop-timeout MS    time for the last checkpoint after a signal; default ${STOP_TIMEOUT_MS}
  --arg NAME=VALUE     an argument for the job's build function, a text; may be repeated
  --tree               show the tree of supervision when the job runs, and at its end
  --quiet              print nothing but what the job prints
  --json               one JSON object per line on standard output; the job prints to standard error
  The job runs in a process of its own, which is started again when it dies.

holdfast demo
  --kills N            how many times a thread is killed; default 10. The whole process once more.
  --causes A,B         out of terminate, throw, exit, hang, out-of-memory; default: all five
  --seed N             repeats the choice of kills
  --json               one JSON object per line; the last one holds the figures

holdfast checkpoints DIR
  --verify             check every checksum; tell whose state is damaged, and how to go on
  --show N             what is inside checkpoint N: operators, sizes, positions, transactions
  --compatible JOB     what would become of the state if that job started from the newest one:
                       [--checkpoint N] [--arg NAME=VALUE] [--allow-dropped ID]; runs nothing
  --history            what checkpoints have cost; with --show N, what each task of N took
  --json               one JSON object per line

holdfast savepoint DIR TO
  --checkpoint N       which one; default: the newest. The job may be running.
  --json               one JSON object
  A savepoint is never pruned and may be moved. Start from it with --restore.

Checkpoints in S3
  Every DIR, TO and path of a savepoint may be s3://BUCKET/PREFIX instead. It needs a package:
  npm install @aws-sdk/client-s3. Credentials come from where AWS's own tools find them
  (environment, configuration files, roles), never from the command line.
  --s3-endpoint URL    address of a service other than AWS; default: AWS_ENDPOINT_URL_S3
  --s3-region NAME     default: AWS_REGION, or what the configuration files say

Signals
  SIGINT, SIGTERM and SIGHUP stop the sources, take and commit a last checkpoint without advancing
  time, and exit. When --stop-timeout is over the job is ended without that checkpoint; the next run
  goes on from the newest one. A second signal ends at once.

Exit codes
${codes.join('\n')}

NO_COLOR switches colours off. In a pipe, plain lines take the place of the live view.
`;
}

function wrap(text: string, indent: number, width = 92): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines.join(`\n${' '.repeat(indent)}`);
}
