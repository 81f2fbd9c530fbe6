/** Which state of a restored section an instance takes: that of its own key groups. */

import { HoldfastError } from '../../base/errors.js';
import type { OperatorContext, RestoredSection } from '../operator.js';

type Owners = Pick<OperatorContext, 'operator' | 'ownsGroup' | 'formerOwner'>;

/**
 * Is state of the key group, in that section, this instance's now? The instance that wrote it must have had the group
 * by the manifest's key-group table. State of any other group would find no owner: its own instance does not look
 * for it in that part.
 *
 * @returns a function that throws ERR_HOLDFAST_CHECKPOINT_CORRUPT for a group that the writer did not have
 */
export function ownGroups(
  owners: Owners,
  section: Pick<RestoredSection, 'instance' | 'origin'>,
): (group: number) => boolean {
  const { instance } = section;
  return (group) => {
    const isOwn = owners.ownsGroup(group);
    const former = owners.formerOwner?.(group);
    // No group has moved: the section is this instance's own.
    if (former === undefined ? isOwn : former === instance) return isOwn;
    throw misplaced(owners.operator, section, group, former);
  };
}

export function misplaced(
  operator: string,
  { instance, origin }: Pick<RestoredSection, 'instance' | 'origin'>,
  group: number,
  owner: number | undefined,
): HoldfastError {
  const which = origin === undefined ? 'the checkpoint' : `checkpoint ${origin.checkpoint}`;
  const part = origin === undefined ? 'the part' : `part '${origin.part}'`;
  return new HoldfastError(
    'ERR_HOLDFAST_CHECKPOINT_CORRUPT',
    `${which} is damaged: ${part} of instance ${instance} of operator '${operator}' holds state of key group ` +
      `${group}, which by the key-group table of its manifest ${owner === undefined ? 'another instance' : `instance ${owner}`} had. ` +
      'Nothing of it was used. Put the manifest back as it was, or choose another checkpoint with the restore option.',
    { details: { operator, instance, group, owner, ...origin } },
  );
}
