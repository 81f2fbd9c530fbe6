/** `holdfast checkpoints`: what a directory holds, and whether it is sound. Takes no lock, changes nothing. */

import { stat } from 'node:fs/promises';
import { HoldfastError } from '../base/errors.js';
import { openCheckpointDirectory } from '../checkpoint/directory-store.js';
import type { CheckpointStore, Manifest } from '../checkpoint/store.js';
import { recordsIn } from '../job/make-manifest.js';
import type { CheckpointsCommand } from './arguments.js';
import type { Console } from './console.js';
import { errorData } from './describe-error.js';
import { EXIT_FAILED, EXIT_FINISHED } from './exit-codes.js';
import { formatBytes, formatCount } from './format.js';
import { jsonLine } from './json-reporter.js';
import { formatTable } from './table.js';

interface Found {
  readonly checkpoint: number;
  readonly manifest: Manifest | undefined;
  readonly error: unknown;
}

export async function checkpointsCommand(
  command: CheckpointsCommand,
  console: Console,
): Promise<number> {
  await requireDirectory(command.directory);
  const store = openCheckpointDirectory(command.directory);
  try {
    const found: Found[] = [];
    for (const checkpoint of await store.list()) {
      found.push(await inspect(store, checkpoint, command.verify));
    }
    const finished = await store.readFinished();
    if (command.output === 'json') {
      for (const each of found) console.write(jsonLine(dataOf(each, command.verify)));
      if (finished !== undefined) console.write(jsonLine({ event: 'finished', ...finished }));
    } else {
      for (const line of linesOf(found, command, store.location)) console.write(line);
      if (finished !== undefined) console.write(`\nThe run ${finished.run} has finished.`);
    }
    return found.some(({ error }) => error !== undefined) ? EXIT_FAILED : EXIT_FINISHED;
  } finally {
    await store.close();
  }
}

async function requireDirectory(directory: string): Promise<void> {
  const info = await stat(directory).catch(() => undefined);
  if (info?.isDirectory()) return;
  throw new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_DIRECTORY',
    `there is no checkpoint directory at ${directory}. Give what run's --checkpoints was given.`,
    { details: { directory } },
  );
}

async function inspect(
  store: CheckpointStore,
  checkpoint: number,
  verify: boolean,
): Promise<Found> {
  let manifest: Manifest | undefined;
  try {
    manifest = await store.readManifest(checkpoint);
    if (verify) for (const part of manifest.parts) await store.readPart(part);
    return { checkpoint, manifest, error: undefined };
  } catch (error) {
    return { checkpoint, manifest, error };
  }
}

function dataOf({ checkpoint, manifest, error }: Found, verify: boolean): object {
  const data = { event: 'checkpoint', checkpoint, sound: error === undefined, verified: verify };
  if (manifest === undefined) return { ...data, error: errorData(error) };
  return {
    ...data,
    job: manifest.job,
    run: manifest.run,
    epoch: manifest.epoch,
    createdAtMs: manifest.createdAtMs,
    final: manifest.final,
    mode: manifest.mode,
    keyGroups: manifest.keyGroups,
    sourceRecords: recordsIn(manifest),
    parts: manifest.parts.length,
    bytes: bytesOf(manifest),
    transactions: manifest.transactions.length,
    ...(error === undefined ? {} : { error: errorData(error) }),
  };
}

function linesOf(
  found: readonly Found[],
  { verify }: CheckpointsCommand,
  location: string,
): string[] {
  if (found.length === 0) return [`${location} holds no checkpoint.`];
  const columns = [
    { title: 'checkpoint', align: 'right' },
    { title: 'taken' },
    { title: 'job' },
    { title: 'records', align: 'right' },
    { title: 'parts', align: 'right' },
    { title: 'size', align: 'right' },
    { title: verify ? 'verified' : 'manifest' },
  ] as const;
  const rows = found.map(({ checkpoint, manifest, error }) => {
    const state =
      error === undefined ? (manifest?.final ? 'sound, the last' : 'sound') : 'NOT SOUND';
    if (manifest === undefined) return [String(checkpoint), '', '', '', '', '', state];
    return [
      String(checkpoint),
      new Date(manifest.createdAtMs).toISOString().replace('T', ' ').slice(0, 19),
      manifest.job,
      formatCount(recordsIn(manifest)),
      String(manifest.parts.length),
      formatBytes(bytesOf(manifest)),
      state,
    ];
  });
  const errors = found.flatMap(({ error }) => (error instanceof Error ? ['', error.message] : []));
  return [...formatTable(columns, rows), ...errors];
}

function bytesOf(manifest: Manifest): number {
  return manifest.parts.reduce((sum, part) => sum + part.bytes, 0);
}
