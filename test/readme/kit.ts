/** A page of the documentation, and a project of its own to follow it in. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Block {
  readonly file: string;
  readonly text: string;
}

export class Page {
  readonly text: string;
  /** Code blocks that name their file, in order. */
  readonly blocks: readonly Block[];
  /** Shell blocks, in order. */
  readonly commands: readonly string[];

  private constructor(text: string) {
    this.text = text;
    this.blocks = [...text.matchAll(/```\w+ file=(\S+)\n([\s\S]*?)```/g)].map((found) => ({
      file: found[1]!,
      text: found[2]!,
    }));
    this.commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((found) => found[1]!);
  }

  /** `name` from the project's root: `docs/own-sinks.md`. */
  static async read(name: string): Promise<Page> {
    return new Page(await readFile(join(root, name), 'utf8'));
  }

  /** The code block that is printed under this file name; the nth of several. */
  printed(file: string, nth = 0): string {
    const found = this.blocks.filter((block) => block.file === file)[nth];
    if (found === undefined) throw new Error(`the page has no block ${nth} named ${file}`);
    return found.text;
  }
}

/** What `npx` does with a package that is installed, without the second that npm takes to find out. */
const NPX = 'npx() { local it="$1"; shift; "./node_modules/.bin/$it" "$@"; }\n';

/** A folder with the package installed, as a user's is. */
export class Project {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param packages others that its user has installed, of those that are here */
  static async create(...packages: readonly string[]): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-page-'));
    await mkdir(join(folder, 'node_modules', '.bin'), { recursive: true });
    await symlink(root, join(folder, 'node_modules', 'holdfast'));
    for (const name of packages) {
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
    await symlink('../holdfast/dist/cli/main.js', join(folder, 'node_modules', '.bin', 'holdfast'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    return new Project(folder);
  }

  async write(file: string, text: string): Promise<void> {
    await writeFile(join(this.folder, file), text);
  }

  async read(file: string): Promise<string> {
    return await readFile(join(this.folder, file), 'utf8');
  }

  shell(command: string): Promise<Ended> {
    return new Promise((resolve) => {
      const env = { ...process.env, NO_COLOR: '1' };
      execFile(
        'bash',
        ['-c', NPX + command],
        { cwd: this.folder, env },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : Number(error.code);
          resolve({ code, stdout, stderr });
        },
      );
    });
  }

  /** What `ndjsonFiles(directory)` has published, file by file. */
  async publishedRows<Row>(directory: string): Promise<readonly Row[]> {
    const rows: Row[] = [];
    for (const file of (await readdir(join(this.folder, directory))).sort()) {
      if (!file.endsWith('.ndjson')) continue;
      for (const line of (await this.read(join(directory, file))).split('\n')) {
        if (line !== '') rows.push(JSON.parse(line) as Row);
      }
    }
    return rows;
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
