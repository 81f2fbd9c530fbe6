/** The jobs of docs/cookbook.md as they are printed, on two threads that are killed ten times; and DuckDB. */

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { exponentialBackoff, type Job, type JobResult, run } from '../../dist/index.js';
import { Meter, runningAgain, until } from '../job/kit.js';
import { Page, Project } from '../readme/kit.js';

// For hanging only: a job takes 2 to 10 s.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const KILLS = 10;
type Cause = Parameters<Job['kill']>[1];
const CAUSES: readonly Cause[] = ['terminate', 'throw', 'exit'];

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const paced = join(root, 'test', 'cookbook', 'paced.ts');

interface Survived {
  /** Records of the longest split: the pace of the kills. */
  readonly records: number;
  readonly args?: Readonly<Record<string, unknown>>;
  readonly causes?: readonly Cause[] | undefined;
}

/** A folder with what the page prints, its data, and the package. */
export class Cookbook {
  page!: Page;
  project!: Project;

  /** @param packages that the reader has installed besides */
  static prepared(...packages: readonly string[]): Cookbook {
    const book = new Cookbook();
    const before = process.cwd();
    beforeAll(async () => {
      book.page = await Page.read('docs/cookbook.md');
      book.project = await Project.create('vega-datasets', ...packages);
      for (const { file, text } of book.page.blocks) await book.project.write(file, text);
      await book.project.write('paced.ts', await readFile(paced, 'utf8'));
      const { code, stderr } = await book.project.shell('node data.mjs 80000');
      expect(code, stderr).toBe(0);
      // The jobs name their files from there.
      process.chdir(book.project.folder);
    });
    afterAll(async () => {
      process.chdir(before);
      await book.project.remove();
    });
    return book;
  }

  /** Runs `NAME.job.ts` to its end. Each death has records behind it since the last checkpoint, and more before it. */
  async survive(name: string, how: Survived): Promise<JobResult> {
    const { records, args, causes = CAUSES } = how;
    const wrapper = `${name}.paced.ts`;
    await this.project.write(
      wrapper,
      `import job from './${name}.job.ts';\n` +
        `import { pacedJob } from './paced.ts';\n\n` +
        'export default pacedJob(job);\n',
    );
    const meter = new Meter();
    const job = await run(pathToFileURL(join(this.project.folder, wrapper)), {
      parallelism: 2,
      args: { ...args, meter: meter.shared },
      checkpoint: { directory: join(this.project.folder, 'checkpoints', name), intervalMs: 50 },
      // None but the ten: a thread that waits for a busy disk is not given up.
      heartbeat: { timeoutMs: 30_000 },
      restart: exponentialBackoff({ initialMs: 1, resetTimeoutMs: 30_000 }),
    });
    const share = Math.floor(records / (KILLS + 1));
    for (let i = 0; i < KILLS; i += 1) {
      const half = i * share + Math.ceil(share / 2);
      meter.raise(half);
      await until(() => job.progress().sourceRecords >= half, job);
      await job.checkpointNow();
      const before = job.progress().sourceRecords;
      meter.raise((i + 1) * share);
      await until(() => job.progress().sourceRecords > before, job);
      const again = runningAgain(job);
      job.kill(i % 2, causes[i % causes.length]!);
      await again;
    }
    meter.raise(2 ** 31 - 1);
    const result = await job.finished;
    expect(result).toMatchObject({ status: 'finished', restarts: KILLS });
    return result;
  }

  /** What the job has published in `out/NAME`, each row as a text, sorted. */
  async published(name: string): Promise<readonly string[]> {
    return texts(await this.rows(name));
  }

  /** The same in the order of files and lines. */
  async rows<Row>(name: string): Promise<readonly Row[]> {
    return await this.project.publishedRows<Row>(`out/${name}`);
  }

  /** The records of a file of lines that data.mjs has made. */
  async input<Row>(file: string): Promise<readonly Row[]> {
    const lines = (await this.project.read(file)).trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Row);
  }
}

/** Rows as texts, sorted; their fields by name, numbers to ten places. */
export function texts(rows: readonly unknown[]): readonly string[] {
  return rows.map((row) => JSON.stringify(plain(row))).sort();
}

function plain(value: unknown): unknown {
  if (typeof value === 'number') return Number(value.toPrecision(10));
  if (typeof value === 'bigint') return plain(Number(value));
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, plain(field)]));
}

/** What DuckDB answers. Files are named from the project's folder. */
export async function duck(sql: string): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
