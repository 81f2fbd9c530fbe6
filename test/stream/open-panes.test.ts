import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OpenPanes } from '../../src/stream/operators/open-panes.js';
import type { Pane } from '../../src/stream/operators/pane.js';

const pane = (index: number, fired: boolean): Pane<number> => ({
  index,
  whole: index,
  start: index * 10,
  end: index * 10 + 10,
  firstEnd: index * 10 + 10,
  lastEnd: index * 10 + 10,
  stored: index * 10,
  fired,
  dueEnd: fired ? Number.POSITIVE_INFINITY : index * 10 + 10,
  slots: new Map(),
});

/** Opens the window of this number; lets the next one fire, and stay or go; frees the next one. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -40, max: 40 }) },
  { weight: 3, arbitrary: fc.constantFrom('fire', 'fire and free', 'free') },
);

it('open windows are found, and fire and go in order of time, in whatever order they were opened', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const panes = new OpenPanes<number>();
      const model: Pane<number>[] = [];
      /** What is earlier than this has fired when it is opened. */
      let firedTo = Number.NEGATIVE_INFINITY;
      const next = (fired: boolean) =>
        model.filter((one) => one.fired === fired).sort((a, b) => a.start - b.start)[0];
      for (const one of steps) {
        if (typeof one === 'number') {
          const found = model.find(({ index }) => index === one);
          expect(panes.find(one)).toBe(found);
          if (found !== undefined) continue;
          const opened = pane(one, one <= firedTo);
          panes.add(opened);
          model.push(opened);
        } else {
          const due = next(one === 'free');
          if (due === undefined) continue;
          firedTo = Math.max(firedTo, due.index);
          if (one === 'fire') panes.fired(due);
          else {
            panes.remove(due);
            model.splice(model.indexOf(due), 1);
            expect(panes.find(due.index)).toBe(undefined);
          }
        }
        expect(panes.nextToFire).toBe(next(false));
        expect(panes.nextToFree).toBe(next(true));
      }
    }),
    { numRuns: 300 },
  );
});

it('many windows go through the queues, and nothing is left of those that are gone', () => {
  const panes = new OpenPanes<number>();
  let opened = 0;
  let freed = 0;
  for (let round = 0; round < 20; round += 1) {
    for (let i = 0; i < 500; i += 1) panes.add(pane(opened++, false));
    for (let i = 0; i < 400; i += 1) panes.fired(panes.nextToFire!);
    // One that comes behind those which have fired.
    panes.add(pane(-round - 1, true));
    expect(panes.nextToFree!.index).toBe(-round - 1);
    panes.remove(panes.nextToFree!);
    for (let i = 0; i < 300; i += 1) {
      expect(panes.nextToFree!.index).toBe(freed++);
      panes.remove(panes.nextToFree!);
    }
  }
  expect(panes.find(freed - 1)).toBe(undefined);
  expect(panes.find(freed)!.fired).toBe(true);
  expect(panes.nextToFire!.index).toBe(20 * 400);
});
