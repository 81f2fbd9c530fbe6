/** Runs numbered work in processes of its own: as many at a time as there are cores. */

import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';

export interface DealOptions<A> {
  /** Forked with `--child`: gets a message for each number, and answers with one. */
  readonly script: string;
  readonly from: number;
  readonly count: number;
  /** Who takes longer for one number does not come to its end. */
  readonly msMax: number;
  readonly message: (number: number) => object;
  readonly onAnswer: (answer: A) => void;
  /** The process that had this number has died, or did not come to its end. */
  readonly onLost: (number: number) => void;
}

/** @returns when all numbers are answered, or lost */
export async function dealNumbers<A>(options: DealOptions<A>): Promise<void> {
  const { script, from, count, msMax, message, onAnswer, onLost } = options;
  let next = from;
  const work = async (): Promise<void> => {
    while (next < from + count) await serveSome();
  };
  /** One process, until it has died or no number is left. */
  const serveSome = (): Promise<void> =>
    new Promise((resolve) => {
      const child: ChildProcess = fork(script, ['--child']);
      let number: number | undefined;
      let timer: NodeJS.Timeout | undefined;
      const give = (): void => {
        clearTimeout(timer);
        number = next < from + count ? next : undefined;
        next += 1;
        if (number === undefined) {
          child.disconnect();
          return;
        }
        timer = setTimeout(() => child.kill('SIGKILL'), msMax);
        child.send(message(number));
      };
      child.on('message', (answer) => {
        onAnswer(answer as A);
        give();
      });
      child.on('exit', () => {
        clearTimeout(timer);
        if (number !== undefined) onLost(number);
        resolve();
      });
      give();
    });
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/** The value of an option of the command; without a right one the process ends. */
export function wholeNumber(option: string, given: string): number {
  const number = Number(given);
  if (Number.isSafeInteger(number) && number >= 1 && number < 2 ** 40) return number;
  console.error(`--${option} must be a whole number from 1, but is '${given}'.`);
  process.exit(2);
}
