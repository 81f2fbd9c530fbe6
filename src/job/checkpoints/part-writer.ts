/** Writes a task's part of a checkpoint to the store, and tells tasks what a part may build on. */

import { assert } from '../../base/assert.js';
import { partsToRewrite } from '../../checkpoint/compaction.js';
import type { Compression } from '../../checkpoint/parts/compression.js';
import { linkPart } from '../../checkpoint/parts/part-chain.js';
import type {
  CheckpointStore,
  Manifest,
  PartDescriptor,
  StoredSection,
} from '../../checkpoint/store.js';
import type { JobPlan } from '../../stream/graph/plan.js';
import type { CapturedPart, CheckpointBase } from '../../workloads/streams/stream-types.js';

/**
 * Makes a part durable, and links it to the files that it builds on.
 * @param base the checkpoint that its task was told to build on
 * @throws HoldfastError ERR_HOLDFAST_CHECKPOINT_FAILED when it could not be written
 */
export async function writePart(
  store: CheckpointStore,
  plan: JobPlan,
  part: CapturedPart,
  base: Manifest | undefined,
  compression: Compression | undefined,
): Promise<PartDescriptor> {
  const vertex = plan.vertices[part.vertex]!.id;
  const { instance } = part;
  const deltas = part.sections.filter(({ on }) => on !== undefined);
  assert(
    deltas.every(({ on }) => on === base?.checkpoint),
    'changes are those since the checkpoint that the task was told of',
  );
  const written = await store.writePart({
    job: plan.graph.job,
    checkpoint: part.checkpoint,
    vertex,
    instance,
    epoch: part.epoch,
    incarnation: part.incarnation,
    compression,
    sections: part.sections,
  });
  const before = base?.parts.find((one) => one.vertex === vertex && one.instance === instance);
  return linkPart({ ...written, sections: counted(written.sections, part) }, deltas, before);
}

/** What stores know nothing of: how many values there are. */
function counted(
  stored: readonly StoredSection[],
  { sections }: CapturedPart,
): readonly StoredSection[] {
  return stored.map((section) => {
    const { operator, name } = section;
    const captured = sections.find((one) => one.operator === operator && one.name === name);
    if (captured?.entries === undefined) return section;
    return { ...section, entries: captured.entries, live: captured.live };
  });
}

/** What tasks are told of the checkpoint on which they build. */
export function baseOf(plan: JobPlan, { checkpoint, parts }: Manifest): CheckpointBase {
  const rewrite = partsToRewrite(parts).map(({ vertex, instance }) => ({
    vertex: plan.vertices.findIndex(({ id }) => id === vertex),
    instance,
  }));
  return { checkpoint, rewrite };
}

/** Bytes of state that were written for a checkpoint: in full, and as changes. */
export function stateBytesOf(parts: readonly PartDescriptor[]): {
  readonly fullBytes: number;
  readonly deltaBytes: number;
} {
  let fullBytes = 0;
  let deltaBytes = 0;
  for (const { bytes, delta } of parts.flatMap(({ sections }) => sections)) {
    if (delta === true) deltaBytes += bytes;
    else fullBytes += bytes;
  }
  return { fullBytes, deltaBytes };
}
