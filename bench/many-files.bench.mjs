/**
 * Compares 10 000 files of a day each, with 1 000 keys, with one file of the same rows in the same order: whole runs
 * in the calling thread, each in a process of its own. Rounds alternate, and medians are compared. It also tells how
 * many windows were open at a time. The page cache is warm, because each file is read once before.
 */

import { execFile } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, round } from './lib/measure.mjs';

const PROGRAM = fileURLToPath(new URL('./lib/many-files.mjs', import.meta.url));
const DAY_MS = 86_400_000;
const KEYS = 1_000;
const call = promisify(execFile);

export default async function manyFiles({ smoke, log }) {
  const [files, rounds] = smoke ? [50, 1] : [10_000, 3];
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  try {
    const [many, one] = ['many', 'one'].map((name) => join(folder, name));
    write(many, one, files);
    const runs = { many: [], one: [] };
    for (let i = 0; i < rounds; i += 1) {
      runs.many.push(await run(many));
      runs.one.push(await run(one));
      log(
        `round ${i + 1}: ${Math.round(runs.many[i].wallMs)} ms over ${files} files, ` +
          `${Math.round(runs.one[i].wallMs)} ms over one`,
      );
    }
    const wallMs = (some) => median(some.map((each) => each.wallMs));
    const processorMs = (some) => median(some.map((each) => each.processorMs));
    return {
      name: 'many-files',
      value: round(wallMs(runs.many), 1),
      baseline: round(wallMs(runs.one), 1),
      ratio: round(wallMs(runs.many) / wallMs(runs.one)),
      unit: 'ms',
      target: 'ratio <= 1.3, mostOpen <= 3',
      files,
      records: runs.many[0].records,
      processorRatio: round(processorMs(runs.many) / processorMs(runs.one)),
      mostOpen: Math.max(...runs.many.map((each) => each.mostOpen)),
      mostOpenOfOne: Math.max(...runs.one.map((each) => each.mostOpen)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** File names that tell nothing of the order in time. */
function write(many, one, files) {
  for (const path of [many, one]) mkdirSync(path);
  for (let day = 0; day < files; day += 1) {
    let text = '';
    for (let k = 0; k < KEYS; k += 1) text += `{"k":${k},"t":${day * DAY_MS + k * 80_000}}\n`;
    const name = String((day * 7_919) % files).padStart(6, '0');
    writeFileSync(join(many, `${name}.ndjson`), text);
    appendFileSync(join(one, 'all.ndjson'), text);
  }
  for (const path of [many, one])
    for (const file of readdirSync(path)) readFileSync(join(path, file));
}

async function run(folder) {
  const { stdout } = await call(process.execPath, [PROGRAM, folder], { maxBuffer: 1e8 });
  return JSON.parse(stdout);
}
