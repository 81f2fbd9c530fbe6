/**
 * Which files a part of an incremental checkpoint consists of.
 *
 *     checkpoint       4        5        6        7
 *     section a      full     delta    delta    delta       needs 4, 5, 6, 7
 *     section b      full     delta     full    delta       needs 6, 7
 *
 *  H1  A section is written in full, or as the changes since the part's last completed checkpoint. So its
 *      chain is the newest file and those before it, back to the newest that has the section in full; each of
 *      them has the section.
 *  H2  `earlier` names the files of all sections' chains, oldest first, and no others.
 *  H3  The chain of a checkpoint is in its own manifest: no other manifest has to be there to restore it,
 *      and a file is needed exactly as long as a manifest names it (I19).
 */

import { HoldfastError } from '../../base/errors.js';
import type { PartDescriptor, PartFile, StoredSection } from '../store.js';
import { compressionOf } from './compression.js';

/** The part's files, oldest first; those of a part without sections are none. */
export function filesOf(part: PartDescriptor): readonly PartFile[] {
  const files = part.earlier ?? [];
  return part.file === '' ? files : [...files, part];
}

type SectionName = Pick<StoredSection, 'operator' | 'name'>;

/** A file, and which of its sections is meant. */
export interface ChainLink {
  readonly file: PartFile;
  readonly section: number;
}

/** Where a section is: in full, then its changes in order (H1). Undefined when something of it is missing. */
export function chainOf(
  part: PartDescriptor,
  section: SectionName,
): readonly ChainLink[] | undefined {
  const links: ChainLink[] = [];
  for (const file of filesOf(part).toReversed()) {
    const index = indexOf(file, section);
    if (index < 0) return undefined;
    links.unshift({ file, section: index });
    if (file.sections[index]!.delta !== true) return links;
  }
  return undefined;
}

/**
 * A part that was just written, together with what it builds on.
 * @param deltas its sections that hold only changes
 * @param base the part's descriptor in the checkpoint that these are changes of
 * @throws HoldfastError ERR_HOLDFAST_INTERNAL when `base` has no such section
 */
export function linkPart(
  written: PartFile,
  deltas: readonly SectionName[],
  base: PartDescriptor | undefined,
): PartDescriptor {
  if (deltas.length === 0) return written;
  const sections = written.sections.map((section): StoredSection => {
    const isDelta = deltas.some((delta) => isSame(delta, section));
    return isDelta ? { ...section, delta: true } : section;
  });
  const needed = new Set<PartFile>();
  for (const delta of deltas) {
    const links = base === undefined ? undefined : chainOf(base, delta);
    if (links === undefined) {
      throw new HoldfastError(
        'ERR_HOLDFAST_INTERNAL',
        `section '${delta.name}' of operator '${delta.operator}' was written as changes of a checkpoint that does not have it. Please report this.`,
        { details: { operator: delta.operator, section: delta.name, file: written.file } },
      );
    }
    for (const { file } of links) needed.add(file);
  }
  const earlier = filesOf(base!)
    .filter((file) => needed.has(file))
    .map(({ file, bytes, sha256, vertex, instance, sections: had, ...rest }) => ({
      file,
      bytes,
      sha256,
      vertex,
      instance,
      ...compressionOf(rest),
      sections: had,
    }));
  return { ...written, sections, earlier };
}

function indexOf(file: PartFile, wanted: SectionName): number {
  return file.sections.findIndex((section) => isSame(section, wanted));
}

function isSame(one: SectionName, other: SectionName): boolean {
  return one.operator === other.operator && one.name === other.name;
}
