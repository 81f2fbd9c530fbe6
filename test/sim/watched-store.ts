/** A store as the job sees it, with the oracles looking on. */

import { dirname, join } from 'node:path';
import { filesOf } from '../../src/checkpoint/parts/part-chain.js';
import type {
  CheckpointStore,
  Manifest,
  PartDescriptor,
  PartFile,
  PartInput,
} from '../../src/checkpoint/store.js';
import type { CrashFileSystem } from '../checkpoint/crash-file-system.js';
import type { Oracle } from './oracle.js';

export const CHECKPOINTS = '/sim/checkpoints';
const PARTS = join(CHECKPOINTS, 'parts');
const MANIFESTS = join(CHECKPOINTS, 'manifests');

export interface StoreWatch {
  readonly oracle: Oracle;
  /** The disk as it is now. */
  files(): CrashFileSystem;
  /** `vertex/instance` of all tasks of the plan that runs. */
  tasks(): ReadonlySet<string>;
  onComplete(checkpoint: number): void;
  /** Its manifest is written. @param left the least that a power cut could leave of the disk now */
  onManifest(manifest: Manifest, left: CrashFileSystem): void;
  onRead(manifest: Manifest): void;
  /** A file of an earlier checkpoint is read, since a later one builds on it. */
  onChain(): void;
}

export function watchedStore(inner: CheckpointStore, watch: StoreWatch): CheckpointStore {
  const { oracle } = watch;
  const parts = new Map<string, PartInput>();
  const manifests = new Map<number, Manifest>();
  const checkFiles = () => checkNamedFiles(watch.files(), manifests, oracle);
  return {
    location: inner.location,
    acquire: () => inner.acquire(),
    nextEpoch: async () => {
      const epoch = await inner.nextEpoch();
      oracle.epochGiven(epoch);
      return epoch;
    },
    writePart: async (part) => {
      const told = { ...part, sections: [] };
      const descriptor = await inner.writePart(part);
      if (descriptor.file !== '') parts.set(descriptor.file, told);
      return descriptor;
    },
    writeManifest: async (manifest) => {
      await inner.writeManifest(manifest);
      watch.onComplete(manifest.checkpoint);
      manifests.set(manifest.checkpoint, manifest);
      // The least that a power cut could leave.
      const left = watch.files().afterPowerCut(() => 0.5);
      const isDurable = (part: PartDescriptor) =>
        bytesOf(left, join(PARTS, part.file))?.length === part.bytes;
      oracle.manifestWritten(manifest, parts, watch.tasks(), isDurable);
      const path = join(MANIFESTS, `${String(manifest.checkpoint).padStart(10, '0')}.json`);
      const [now, then] = [bytesOf(watch.files(), path), bytesOf(left, path)];
      if (now === undefined || then === undefined || Buffer.compare(now, then) !== 0) {
        oracle.violated(`I6: the manifest of checkpoint ${manifest.checkpoint} is not durable`);
      }
      watch.onManifest(manifest, left);
    },
    list: () => inner.list(),
    readManifest: async (checkpoint) => {
      const manifest = await inner.readManifest(checkpoint);
      manifests.set(checkpoint, manifest);
      watch.onRead(manifest);
      return manifest;
    },
    readPart: (part) => {
      if (isEarlier(part, manifests.values())) watch.onChain();
      return inner.readPart(part);
    },
    discard: (discarded) => inner.discard(discarded),
    prune: async (retain) => {
      await inner.prune(retain);
      checkFiles();
    },
    rewind: (checkpoint) => inner.rewind(checkpoint),
    markFinished: (mark) => inner.markFinished(mark),
    readFinished: () => inner.readFinished(),
    clear: () => inner.clear(),
    close: () => inner.close(),
  };
}

function isEarlier({ file }: PartFile, manifests: Iterable<Manifest>): boolean {
  for (const { parts } of manifests) {
    for (const { earlier } of parts) if (earlier?.some((one) => one.file === file)) return true;
  }
  return false;
}

/** I19: what retained checkpoints name is there. */
function checkNamedFiles(
  files: CrashFileSystem,
  manifests: Map<number, Manifest>,
  oracle: Oracle,
): void {
  for (const [checkpoint, manifest] of manifests) {
    const path = join(MANIFESTS, `${String(checkpoint).padStart(10, '0')}.json`);
    if (bytesOf(files, path) === undefined) {
      manifests.delete(checkpoint);
      continue;
    }
    for (const { file, bytes } of manifest.parts.flatMap(filesOf)) {
      if (bytesOf(files, join(PARTS, file))?.length === bytes) continue;
      oracle.violated(`I19: checkpoint ${checkpoint} is retained, a part that it names is not`);
    }
  }
}

export function bytesOf(files: CrashFileSystem, path: string): Uint8Array | undefined {
  return files.find(path);
}

/** The place within the store that a path is of: `manifests`, `parts`, … */
export function placeOf(path: string): string {
  if (path.startsWith('/sim/out')) return 'out';
  if (path.endsWith('finished.json')) return 'finished';
  if (path === MANIFESTS || dirname(path) === MANIFESTS) return 'manifests';
  if (path === PARTS || dirname(path) === PARTS) return 'parts';
  return 'root';
}
