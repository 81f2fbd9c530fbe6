/**
 * Runs one benchmark.
 *
 *   npm run bench -- NAME [--json] [--smoke] [ARGS…]
 *   npm run bench -- --list
 *
 * A benchmark is a file `bench/NAME.bench.mjs` that default-exports
 * `async ({ smoke, log, args }) => ({ name, value, baseline, ratio, unit, …more })`. `--smoke` asks
 * it to prove in a few seconds that it still runs; figures of a smoke run mean nothing. Progress
 * goes to standard error. With `--json` standard output holds one line of JSON and nothing else.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const SUFFIX = '.bench.mjs';
const names = readdirSync(here)
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length))
  .sort();

const words = process.argv.slice(2);
const take = (flag) => {
  const index = words.indexOf(flag);
  if (index >= 0) words.splice(index, 1);
  return index >= 0;
};
const isJson = take('--json');
const smoke = take('--smoke');
const isList = take('--list');
const [name, ...args] = words;

// What a benchmark, or a worker of it, prints is progress: only the result goes to standard output.
const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

if (isList) {
  finish(isJson ? `${JSON.stringify(names)}\n` : `${listing()}\n`, 0);
} else if (!names.includes(name)) {
  const wrong = name === undefined ? 'which benchmark?' : `there is no benchmark '${name}'`;
  process.stderr.write(`${wrong}\nusage: npm run bench -- NAME [--json] [--smoke]\n${listing()}\n`);
  finish('', 2);
} else {
  try {
    const result = await runBench();
    finish(isJson ? `${JSON.stringify(result)}\n` : table(result), 0);
  } catch (error) {
    process.stderr.write(`bench ${name} failed: ${error?.stack ?? error}\n`);
    finish('', 1);
  }
}

async function runBench() {
  const module = await import(pathToFileURL(join(here, name + SUFFIX)).href);
  const log = (message) => process.stderr.write(`${message}\n`);
  const result = await module.default({ smoke, log, args });
  for (const field of ['value', 'baseline', 'ratio']) {
    if (!Number.isFinite(result?.[field])) {
      throw new Error(`its result's ${field} is no finite number: ${result?.[field]}`);
    }
  }
  for (const field of ['name', 'unit']) {
    if (typeof result[field] !== 'string') throw new Error(`its result has no ${field}`);
  }
  return smoke ? { ...result, smoke: true } : result;
}

/** Leaves at once: a handle that a benchmark forgot must not keep the process. */
function finish(text, code) {
  print(text, () => process.exit(code));
}

/** Names, each with the first sentence of its file's opening comment. */
function listing() {
  const width = Math.max(0, ...names.map((each) => each.length));
  return names.map((each) => `  ${each.padEnd(width)}  ${purpose(each)}`).join('\n');
}

function purpose(each) {
  const comment = /\/\*\*([\s\S]*?)\*\//.exec(readFileSync(join(here, each + SUFFIX), 'utf8'));
  const text = (comment?.[1] ?? '').replace(/^\s*\* ?/gm, '').replace(/\s+/g, ' ');
  const sentence = text.trim().split(/(?<=\.)\s/, 1)[0];
  return sentence.length <= 90 ? sentence : `${sentence.slice(0, 89)}…`;
}

function table(result) {
  const rows = Object.entries(result).map(([key, value]) => [key, readable(value)]);
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${value}\n`).join('');
}

function readable(value) {
  if (typeof value === 'number') return value.toLocaleString('en-US');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
