/** All that a drawn job may do. */

import type { ShapeKind } from '../shape.js';
import { CALENDAR_TIMES, drawCalendar } from './calendars.js';
import {
  drawDistinct,
  drawFirst,
  drawRetractions,
  drawTopN,
  drawWindowChanges,
} from './changelogs.js';
import { drawFold, foldShape } from './fold.js';
import { drawIntervalJoin, drawKeyJoin, drawLatestJoin, drawLookup } from './joins.js';
import { drawBroadcast, drawConnect, drawExpiring, drawRunning } from './states.js';
import { drawCoGroup, drawWindowJoin } from './window-joins.js';
import {
  drawAllRecords,
  drawClockWindow,
  drawCountWindow,
  drawEarly,
  drawSessionRecords,
  drawTriggered,
} from './windows.js';

export const SHAPES: readonly ShapeKind[] = [
  {
    name: 'fold',
    weight: 6,
    sides: 1,
    keys: 'any',
    draw: (random, sizeMs) => foldShape(drawFold(random, sizeMs)),
  },
  { name: 'interval-join', weight: 2, sides: 2, keys: 'any', draw: drawIntervalJoin },
  { name: 'key-join', sides: 2, keys: 'any', draw: drawKeyJoin },
  { name: 'latest-join', weight: 2, sides: 2, keys: 'any', draw: drawLatestJoin },
  { name: 'window-join', sides: 2, keys: 'any', draw: drawWindowJoin },
  { name: 'co-group', sides: 2, keys: 'any', draw: drawCoGroup },
  { name: 'lookup', sides: 1, keys: 'any', draw: drawLookup },
  { name: 'connect', sides: 2, keys: 'any', draw: drawConnect },
  { name: 'broadcast', sides: 2, keys: 'any', draw: drawBroadcast },
  { name: 'expiring', sides: 1, keys: 'own', draw: drawExpiring },
  { name: 'running', sides: 1, keys: 'own', draw: drawRunning },
  { name: 'retractions', weight: 2, sides: 1, keys: 'any', draw: drawRetractions },
  { name: 'top', weight: 2, sides: 1, keys: 'any', draw: drawTopN },
  { name: 'distinct', sides: 1, keys: 'any', draw: drawDistinct },
  { name: 'first', sides: 1, keys: 'own', draw: drawFirst },
  { name: 'window-changes', weight: 2, sides: 1, keys: 'any', draw: drawWindowChanges },
  { name: 'all-records', weight: 2, sides: 1, keys: 'any', draw: drawAllRecords },
  { name: 'count-window', sides: 1, keys: 'own', draw: drawCountWindow },
  { name: 'clock-window', sides: 1, keys: 'any', draw: drawClockWindow },
  { name: 'triggered', weight: 2, sides: 1, keys: 'own', draw: drawTriggered },
  { name: 'session-records', sides: 1, keys: 'any', draw: drawSessionRecords },
  { name: 'calendar', sides: 1, keys: 'any', times: CALENDAR_TIMES, draw: drawCalendar },
  { name: 'early', sides: 1, keys: 'any', draw: drawEarly },
];
