/** docs/cookbook.md: what it prints is typed, as a strict compiler sees it. */

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Page, Project } from '../readme/kit.js';

test('the jobs are typed from source to sink', async () => {
  const page = await Page.read('docs/cookbook.md');
  const project = await Project.create('typescript', '@types');
  try {
    for (const { file, text } of page.blocks) await project.write(file, text);
    const jobs = page.blocks.map(({ file }) => file).filter((file) => file.endsWith('.ts'));
    expect(jobs.length).toBeGreaterThan(11);
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2023',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
      allowJs: true,
      allowImportingTsExtensions: true,
      types: ['node'],
    };
    await project.write('tsconfig.json', JSON.stringify({ compilerOptions, files: jobs }));
    const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
    const { stdout, stderr } = await project.shell(`node ${tsc} -p .`);
    expect(stdout + stderr).toBe('');
  } finally {
    await project.remove();
  }
});
