/** Draws the tree of supervision as lines. */

import type { JobTreeNode } from '../job/job-types.js';
import type { Colors } from './colors.js';
import { joinShown, type Showable, type Shown, shown } from './escape.js';
import { formatMs, formatNumberOf } from './format.js';

/**
 *     flights  running 12 s  one-for-all
 *     ├─ coordinator  running 12 s
 *     └─ region parquetFile  running 1.2 s  one-for-all  1 of 10 restarts without progress, after 10 to 10000 ms
 *        ├─ slot 0  running 1.2 s  one-for-all
 */
export function drawTree(tree: JobTreeNode, colors: Colors): readonly Shown[] {
  return draw(tree, '', '', colors);
}

function draw(node: JobTreeNode, lead: string, indent: string, colors: Colors): Shown[] {
  const lines = [shown`${colors.dim(lead)}${describe(node, colors)}`];
  node.children.forEach((child, at) => {
    const isLast = at === node.children.length - 1;
    const below = draw(
      child,
      `${indent}${isLast ? '└─ ' : '├─ '}`,
      `${indent}${isLast ? '   ' : '│  '}`,
      colors,
    );
    lines.push(...below);
  });
  return lines;
}

function describe(node: JobTreeNode, colors: Colors): Shown {
  const named = node.kind === 'region' || node.kind === 'group';
  const name = colors.bold(named ? `${node.kind} ${node.id}` : node.id);
  const up = node.upMs === undefined ? '' : ` ${formatMs(node.upMs)}`;
  const paint = node.state === 'running' ? colors.green : colors.yellow;
  const words: Showable[] = [name, paint(`${node.state}${up}`)];
  if (node.strategy !== undefined) words.push(node.strategy);
  if (node.budget !== undefined) words.push(colors.dim(node.budget));
  if (node.restarts > 0 && node.kind !== 'task') {
    words.push(formatNumberOf(node.restarts, 'restart'));
  }
  const { lastFailure } = node;
  if (lastFailure !== undefined && node.kind !== 'task') {
    const message = lastFailure.message.split('\n', 1)[0]!;
    words.push(colors.dim(shown`last: ${lastFailure.name}: ${message}`));
  }
  return joinShown(words, '  ');
}
