/** Colours for text that is shown. They escape the text that they are given (escape.ts, X2). */

import picocolors from 'picocolors';
import { painted, type Showable, type Shown } from './escape.js';

const NAMES = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan'] as const;

export type Colors = Readonly<Record<(typeof NAMES)[number], (text: Showable) => Shown>>;

export function createColors(enabled: boolean): Colors {
  const paints = picocolors.createColors(enabled);
  return Object.fromEntries(NAMES.map((name) => [name, painted(paints[name])])) as Colors;
}
