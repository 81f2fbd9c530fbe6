/** Which step of the protocol an operation on a file of a checkpoint directory is, by the file's name. */

import { basename, dirname } from 'node:path';
import { atPoint, type ProtocolPoint } from '../../base/protocol-points.js';
import { TEMPORARY_PREFIX } from './directory-layout.js';

type Operation = 'create' | 'write' | 'sync' | 'rename' | 'link' | 'read' | 'remove';

const POINTS: Readonly<Record<string, ProtocolPoint>> = {
  'lock link': 'lock:take',
  'lock remove': 'lock:release',
  'epoch sync': 'epoch:sync',
  'epoch rename': 'epoch:rename',
  'part create': 'part:create',
  'part write': 'part:write',
  'part sync': 'part:sync',
  'part rename': 'part:rename',
  'part read': 'part:read',
  'part remove': 'part:remove',
  'manifest create': 'manifest:create',
  'manifest write': 'manifest:write',
  'manifest sync': 'manifest:sync',
  'manifest rename': 'manifest:rename',
  'manifest read': 'manifest:read',
  'manifest remove': 'manifest:remove',
  'latest rename': 'latest:rename',
  'finished sync': 'finished:sync',
  'finished rename': 'finished:rename',
};

/** @param path of the file; where it is renamed or linked to */
export function atFile<T>(operation: Operation, path: string, act: () => T): T {
  const point = POINTS[`${fileKind(path)} ${operation}`];
  return point === undefined ? act() : atPoint(point, act);
}

export function atDirectory<T>(path: string, act: () => T): T {
  const name = basename(path);
  const point = name === 'parts' || name === 'manifests' ? (`${name}:sync` as const) : 'root:sync';
  return atPoint(point, act);
}

function fileKind(path: string): string {
  const name = basename(path).replace(TEMPORARY_PREFIX, '');
  switch (basename(dirname(path))) {
    case 'parts':
      return 'part';
    case 'manifests':
      return 'manifest';
    default:
      return /^[a-z]+/.exec(name)?.[0] ?? '';
  }
}
