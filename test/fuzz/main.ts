/**
 * The fuzz test's command: random small jobs, each compared over parallelism 1, 2, 3, 5 and `runInline`, with
 * kills and changes of parallelism, against a sequential interpreter.
 *
 *   npm run fuzz                              100 draws
 *   npm run fuzz -- --draws 2000 --from 1     these
 *   npm run fuzz -- --draw 17                 one; when it fails, as a smaller job
 *   npm run fuzz -- --shape triggered         of this shape alone (shapes/shapes.ts)
 *
 * The last line is `N passed, N failed`; the exit code is 1 when a draw failed.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { dealNumbers, wholeNumber } from '../deal-numbers.js';
import { describeDraw, runDraw, shrinkDraw } from './draw.js';

/** A draw takes some 100 ms; this one does not come to its end. */
const DRAW_MS_MAX = 60_000;
const REPORTS_MAX = 3;

interface Answer {
  readonly draw: number;
  readonly failed: boolean;
  readonly report: string | undefined;
}

if (process.send !== undefined && process.argv[2] === '--child') serve();
else process.exitCode = await command();

async function command(): Promise<number> {
  const values = options();
  if (values.draw !== undefined) {
    const { failed, report } = await answer(wholeNumber('draw', values.draw), true, values.shape);
    if (report !== undefined) console.log(report);
    console.log(failed ? '0 passed, 1 failed' : '1 passed, 0 failed');
    return failed ? 1 : 0;
  }
  const draws = wholeNumber('draws', values.draws);
  const failed = await many(wholeNumber('from', values.from), draws, values.shape);
  if (failed.length > 0) {
    console.log(`failed draws: ${failed.sort((a, b) => a - b).join(', ')}`);
  }
  console.log(`${draws - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        draws: { type: 'string', default: '100' },
        from: { type: 'string', default: '1' },
        draw: { type: 'string' },
        shape: { type: 'string' },
      },
    });
    return values;
  } catch (error) {
    const usage = 'npm run fuzz -- [--draws N] [--from S] [--shape NAME] | --draw D';
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    process.exit(2);
  }
}

/** @returns those that failed */
async function many(from: number, draws: number, shape: string | undefined): Promise<number[]> {
  const failed: number[] = [];
  let reports = 0;
  await dealNumbers<Answer>({
    script: fileURLToPath(import.meta.url),
    from,
    count: draws,
    msMax: DRAW_MS_MAX,
    message: (draw) => ({ draw, reports: reports < REPORTS_MAX, shape }),
    onAnswer: (told) => {
      if (told.failed) failed.push(told.draw);
      if (told.report === undefined) return;
      reports += 1;
      console.log(told.report);
    },
    onLost: (draw) => {
      failed.push(draw);
      console.log(`draw ${draw} failed: its process did not come to an end, or died`);
    },
  });
  return failed;
}

/** In a child: a draw comes, its answer goes. */
function serve(): void {
  process.on('message', (message) => {
    const { draw, reports, shape } = message as {
      readonly draw: number;
      readonly reports: boolean;
      readonly shape?: string;
    };
    void answer(draw, reports, shape).then((told) => process.send!(told));
  });
}

async function answer(draw: number, reports: boolean, shape?: string): Promise<Answer> {
  const result = await runDraw(draw, shape);
  const failed = result.difference !== undefined;
  const report = failed && reports ? describeDraw(await shrinkDraw(result)) : undefined;
  return { draw, failed, report };
}
