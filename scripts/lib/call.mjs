import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';

/** How long what it wrote may take to arrive after its end. */
const DRAIN_MS_MAX = 2_000;

/**
 * Runs a program to its end.
 * @param timeoutMs after which it is killed, which counts as a failure
 * @param capture gather standard output instead of passing it on
 * @param behind let others have the processor first
 * @returns `{ ok, output, errors, why }`: `errors` is its standard error, which is passed on as well; `why` says in
 *   words how it ended when not well
 */
export function call(program, args, { cwd, timeoutMs, capture = false, behind = false }) {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', capture ? 'pipe' : 1, 'pipe'] });
    if (behind && child.pid !== undefined) letOthersFirst(child.pid);
    let output = '';
    let errors = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text;
      process.stderr.write(text);
    });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const end = (ok, why) => {
      clearTimeout(timer);
      // What it has left running may hold the pipes open.
      for (const pipe of [child.stdout, child.stderr]) pipe?.destroy();
      done({ ok, output, errors, why: isLate ? `killed after ${timeoutMs / 1_000} s` : why });
    };
    const ended = (code, signal) =>
      end(code === 0, code === 0 ? '' : signal === null ? `exit code ${code}` : signal);
    child.on('error', (error) => end(false, error.message));
    child.on('close', ended);
    child.on('exit', (code, signal) => setTimeout(ended, DRAIN_MS_MAX, code, signal).unref());
  });
}

function letOthersFirst(pid) {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or the system does not let us.
  }
}
