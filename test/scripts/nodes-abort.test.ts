/** When `npm test` runs a file again: only when Node itself has aborted the file's process. */

import { describe, expect, it } from 'vitest';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const { isNodesAbort, unfinishedFiles } = (await import(
  new URL('../../scripts/lib/nodes-abort.mjs', import.meta.url).href
)) as {
  isNodesAbort(errors: string): boolean;
  unfinishedFiles(report: Report | undefined): string[];
};

const file = (name: string, ...statuses: string[]) => ({
  name,
  assertionResults: statuses.map((status) => ({ status })),
});

describe('a process of tests that died', () => {
  it('was aborted by Node if the assertion of its known fault failed, and by nothing else', () => {
    const where = 'node::NodePlatform::ForIsolate(v8::Isolate*) at ../src/node_platform.cc:518';
    expect(isNodesAbort(`#  node[7]: node::IsolatePlatformDelegate* ${where}`)).toBe(true);
    expect(isNodesAbort('FATAL ERROR: Reached heap limit')).toBe(false);
    expect(isNodesAbort('')).toBe(false);
  });

  it('leaves files whose tests have not all ended', () => {
    const testResults = [
      file('whole', 'passed', 'failed', 'skipped', 'todo'),
      file('cut', 'passed', 'pending'),
      file('not begun'),
    ];
    expect(unfinishedFiles({ testResults })).toEqual(['cut', 'not begun']);
    expect(unfinishedFiles(undefined)).toEqual([]);
  });
});
