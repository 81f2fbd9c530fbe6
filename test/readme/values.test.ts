/** docs/values.md: its example runs as printed. */

import { expect, test } from 'vitest';
import { Page, Project } from './kit.js';

test('instances of a class come out of the job that the page shows', async () => {
  const project = await Project.create();
  try {
    const page = await Page.read('docs/values.md');
    for (const { file, text } of page.blocks) await project.write(file, text);
    const [command] = page.commands;
    const ended = await project.shell(command!);
    const printed = /It prints `(.*)`/.exec(page.text)![1]!;
    expect(ended).toMatchObject({ code: 0, stdout: `${printed}\n` });
  } finally {
    await project.remove();
  }
});
