/** Reads what a recovery plan names: each part once, verified before anything is decoded. */

import type { CheckpointStore, PartDescriptor, RestoredPartSection } from '../checkpoint/store.js';
import { parseChannelSection } from '../stream/channel-state.js';
import type { RestoredSection } from '../stream/operator.js';
import type { TaskRestore } from './host-protocol.js';
import type { TaskRecovery } from './recovery-plan.js';

export async function readRestores(
  tasks: readonly TaskRecovery[],
  store: CheckpointStore,
): Promise<readonly (TaskRestore & { slot: number })[]> {
  const parts = new Map<string, PartDescriptor>();
  for (const task of tasks) {
    for (const operator of task.operators) {
      for (const part of operator.parts) parts.set(part.file, part);
    }
    for (const { part } of task.channels) parts.set(part.file, part);
  }
  const read = new Map<string, readonly RestoredPartSection[]>();
  await Promise.all(
    [...parts].map(async ([file, part]) => read.set(file, await store.readPart(part))),
  );
  const handedOut = new Set<RestoredPartSection>();
  /** The first to need it gets the buffer itself, to be transferred; others a copy. */
  const handOut = (section: RestoredPartSection, instance: number): RestoredSection => {
    const bytes = handedOut.has(section) ? section.bytes.slice() : section.bytes;
    handedOut.add(section);
    return { name: section.name, instance, bytes };
  };
  return tasks.map((task) => ({
    vertex: task.vertex,
    instance: task.instance,
    slot: task.slot,
    operators: [
      ...task.operators.map(({ operator, parts: needed }) => ({
        operator,
        sections: needed.flatMap((part) =>
          read
            .get(part.file)!
            .filter((section) => section.operator === operator)
            .filter(({ name }) => parseChannelSection(name) === undefined)
            .map((section) => handOut(section, part.instance)),
        ),
      })),
      ...task.channels.map(({ operator, part, names }) => ({
        operator,
        sections: read
          .get(part.file)!
          .filter((section) => section.operator === operator && names.includes(section.name))
          .map((section) => handOut(section, part.instance)),
      })),
    ],
  }));
}
