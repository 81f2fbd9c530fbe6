/** Reads what a recovery plan names: each file once, and verified before anything of it is decoded. */

import { assert } from '../../base/assert.js';
import { type ChainLink, chainOf, filesOf } from '../../checkpoint/parts/part-chain.js';
import type {
  CheckpointStore,
  PartDescriptor,
  PartFile,
  RestoredPartSection,
} from '../../checkpoint/store.js';
import type { RestoredSection } from '../../stream/operator.js';
import { parseChannelSection } from '../../stream/task/channel-state.js';
import type { TaskRestore } from '../../workloads/streams/stream-types.js';
import type { TaskRecovery } from './recovery-plan.js';

export async function readRestores(
  tasks: readonly TaskRecovery[],
  store: CheckpointStore,
): Promise<readonly (TaskRestore & { slot: number })[]> {
  const files = new Map<string, PartFile>();
  for (const task of tasks) {
    for (const operator of task.operators) {
      for (const file of operator.parts.flatMap(filesOf)) files.set(file.file, file);
    }
    // What was in flight is in the newest file, never in an earlier one.
    for (const { part } of task.channels) files.set(part.file, part);
  }
  const read = new Map<string, readonly RestoredPartSection[]>();
  await Promise.all(
    [...files].map(async ([name, file]) => read.set(name, await store.readPart(file))),
  );
  const handedOut = new Set<RestoredPartSection>();
  const bytesOf = ({ file, section }: ChainLink): Uint8Array => {
    const found = read.get(file.file)![section]!;
    // The first task to need a section gets its buffer, to be transferred; the others get a copy.
    const bytes = handedOut.has(found) ? new Uint8Array(found.bytes) : found.bytes;
    handedOut.add(found);
    return bytes;
  };
  const restored = (
    part: PartDescriptor,
    section: PartDescriptor['sections'][number],
    from: number,
    checkpoint: number | undefined,
  ): RestoredSection => {
    const chain = chainOf(part, section);
    assert(chain !== undefined, 'the manifest was checked when it was read');
    const [bytes, ...deltas] = chain.map(bytesOf);
    const origin = { checkpoint: from, part: part.file };
    const { instance } = part;
    return { name: section.name, instance, bytes: bytes!, deltas, checkpoint, origin };
  };
  return tasks.map((task) => ({
    vertex: task.vertex,
    instance: task.instance,
    slot: task.slot,
    operators: [
      ...task.operators.map(({ operator, parts, checkpoint, formerOwners }) => ({
        operator,
        formerOwners,
        sections: parts.flatMap((part) =>
          part.sections
            .filter((section) => section.operator === operator)
            .filter(({ name }) => parseChannelSection(name) === undefined)
            .map((section) => restored(part, section, task.restored, checkpoint)),
        ),
      })),
      ...task.channels.map(({ operator, part, names }) => ({
        operator,
        sections: part.sections
          .filter((section) => section.operator === operator && names.includes(section.name))
          .map((section) => restored(part, section, task.restored, undefined)),
      })),
    ],
  }));
}
