import { spawn } from 'node:child_process';

/**
 * Runs a program to its end.
 * @param timeoutMs after which it is killed, which counts as a failure
 * @param capture gather standard output instead of passing it on
 * @returns `{ ok, output, why }`; `why` says in words how it ended when not well
 */
export function call(program, args, { cwd, timeoutMs, capture = false }) {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', capture ? 'pipe' : 1, 2] });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const end = (ok, why) => {
      clearTimeout(timer);
      done({ ok, output, why: isLate ? `killed after ${timeoutMs / 1_000} s` : why });
    };
    child.on('error', (error) => end(false, error.message));
    child.on('close', (code, signal) =>
      end(code === 0, code === 0 ? '' : signal === null ? `exit code ${code}` : signal),
    );
  });
}
