import { expect, test } from 'vitest';
import { EventLine } from '../../src/base/event-line.js';

test('what comes of an event is handled behind it, in order, and the end is told once', () => {
  const seen: string[] = [];
  const line: EventLine<number> = new EventLine(
    (event) => {
      seen.push(`${event} begins`);
      if (event === 1) for (const next of [2, 3]) line.tell(next);
      expect(line.isHandling).toBe(true);
      seen.push(`${event} ends`);
    },
    () => seen.push('after'),
  );
  line.tell(1);
  expect(seen).toEqual([1, 2, 3].flatMap((n) => [`${n} begins`, `${n} ends`]).concat('after'));
  expect(line.isHandling).toBe(false);
});

test('what waits behind an event that throws is handled all the same', () => {
  const seen: number[] = [];
  let ends = 0;
  const line: EventLine<number> = new EventLine(
    (event) => {
      if (event === 1) for (const next of [2, 3]) line.tell(next);
      if (event === 1) throw new Error('planned');
      seen.push(event);
    },
    () => {
      ends += 1;
    },
  );
  expect(() => line.tell(1)).toThrow('planned');
  expect(seen).toEqual([2, 3]);
  expect(ends).toBe(1);
});
