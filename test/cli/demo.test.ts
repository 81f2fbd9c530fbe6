import { expect, test } from 'vitest';
import { holdfast, jsonLines } from './fixtures.js';

test('the demo, shortened: kills of a slot and of the process, and nothing lost, duplicated or wrong', {
  timeout: 300_000,
}, async () => {
  const args = [
    'demo',
    '--kills',
    '3',
    '--causes',
    'throw,exit,terminate',
    '--seed',
    '5',
    '--json',
  ];
  const ended = await holdfast(args).ended;
  expect(ended.stderr).toContain('seed 5');
  const lines = jsonLines(ended);
  const planned = lines.filter((line) => line['event'] === 'kill' && line['number'] !== 0);
  expect(planned).toHaveLength(4);
  expect(new Set(planned.map((kill) => kill['cause']))).toEqual(
    new Set(['throw', 'exit', 'terminate', 'SIGKILL']),
  );
  expect(lines.at(-1)).toMatchObject({
    kills: 3,
    processKills: 1,
    rows: 39_952,
    lost: 0,
    duplicated: 0,
    wrong: 0,
    records: 3_000_000,
    seed: 5,
  });
  expect(ended.code).toBe(0);
});
