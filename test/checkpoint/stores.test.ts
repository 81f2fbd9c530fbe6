import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpointDirectory } from '../../src/checkpoint/directory/directory-store.js';
import { MemoryStore } from '../../src/checkpoint/memory-store.js';
import { s3Place } from './s3-place.js';
import { temporaryDirectory } from './samples.js';
import { storeConformance } from './store-conformance.js';

storeConformance('directory', {
  async make() {
    const directory = join(await temporaryDirectory(), 'nested', 'checkpoints');
    return {
      open: () => openCheckpointDirectory(directory),
      partFiles: () => readdir(join(directory, 'parts')),
      abandon: () => rm(join(directory, 'lock')),
    };
  },
});

storeConformance('memory', {
  async make() {
    const store = new MemoryStore();
    return { open: () => store, partFiles: async () => store.partFiles(), abandon: undefined };
  },
});

storeConformance('object', { make: () => s3Place() });
