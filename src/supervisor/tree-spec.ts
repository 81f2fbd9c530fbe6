/** Checks a whole tree, before anything of it is made. */

import { HoldfastError, isHoldfastError } from '../base/errors.js';
import {
  type ChildSpec,
  checkSupervisorSpec,
  type SupervisorSpec,
  specFault,
} from './child-spec.js';
import type { TreeChildSpec, TreeSpec } from './tree-protocol.js';

/** Deeper nesting is a mistake: most likely a specification that contains itself. */
export const TREE_DEPTH_MAX = 32;

export function isTreeSpec(spec: ChildSpec | TreeChildSpec): spec is TreeChildSpec {
  return typeof spec === 'object' && spec !== null && 'children' in spec;
}

/** The child as its parent is told of it: the parent need not know that the child is a tree. */
export function childSpecOf(spec: ChildSpec | TreeChildSpec): ChildSpec {
  if (!isTreeSpec(spec)) return spec;
  const { id, restart, significant, shutdown } = spec;
  return { id, restart, significant, shutdown, type: 'supervisor' };
}

/** The specification that one supervisor of the tree gets. */
export function supervisorSpecOf({ children, ...spec }: TreeSpec): SupervisorSpec {
  return {
    ...spec,
    children: Array.isArray(children) ? children.map(childSpecOf) : children,
  };
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_CHILD_SPEC with `details.path` where in the tree it is */
export function checkTreeSpec(spec: TreeSpec, parent = '', depth = 1): void {
  const id: unknown = (spec as TreeSpec | undefined)?.id;
  if (id === undefined || id === '') {
    throw inTree(parent, specFault('missing-id', 'every supervisor needs an id'));
  }
  checkTreeId(id, parent);
  const path = parent === '' ? id : `${parent}/${id}`;
  if (depth > TREE_DEPTH_MAX) {
    const message = `supervisors are nested deeper than ${TREE_DEPTH_MAX} levels`;
    throw inTree(path, specFault('invalid-supervisor-spec', message, id));
  }
  try {
    checkSupervisorSpec(supervisorSpecOf(spec));
  } catch (error) {
    throw isHoldfastError(error) ? inTree(path, error) : error;
  }
  for (const child of spec.children) {
    checkTreeId(child.id, path);
    if (isTreeSpec(child)) checkTreeSpec(child, path, depth + 1);
  }
}

/** @throws HoldfastError ERR_HOLDFAST_BAD_CHILD_SPEC */
export function checkTreeId(id: unknown, parent: string): asserts id is string {
  if (typeof id === 'string' && !id.includes('/')) return;
  const message = `an id must be a text without '/', which separates a path; '${String(id)}' is not`;
  throw inTree(parent, specFault('invalid-id', message));
}

function inTree(path: string, error: HoldfastError): HoldfastError {
  if (path === '') return error;
  return new HoldfastError(error.code, `in '${path}': ${error.message}`, {
    cause: error.cause,
    details: { ...error.details, path },
  });
}
