import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Mailbox } from '../../src/actors/mailbox.js';

test('B1: control comes first, and each lane is first in, first out', () => {
  const mailbox = new Mailbox<string>(10);
  mailbox.put('a');
  mailbox.putSystem('stop');
  mailbox.put('b');
  expect(mailbox.hasSystem).toBe(true);
  expect(mailbox.next()).toBe('stop');
  expect(mailbox.hasSystem).toBe(false);
  expect(mailbox.next()).toBe('a');
  mailbox.putSystem('go');
  expect([mailbox.next(), mailbox.next(), mailbox.next()]).toEqual(['go', 'b', undefined]);
  expect(mailbox.isEmpty).toBe(true);
});

test('B2: a full lane refuses, and takes again when one has gone; control is never refused', () => {
  const mailbox = new Mailbox<number>(2);
  expect([mailbox.put(1), mailbox.put(2), mailbox.put(3)]).toEqual([true, true, false]);
  for (let i = 0; i < 1_000; i += 1) mailbox.putSystem(100 + i);
  for (let i = 0; i < 1_000; i += 1) expect(mailbox.next()).toBe(100 + i);
  expect(mailbox.put(3)).toBe(false);
  expect(mailbox.next()).toBe(1);
  expect(mailbox.put(3)).toBe(true);
  expect([mailbox.next(), mailbox.next(), mailbox.next()]).toEqual([2, 3, undefined]);
});

test('as two arrays, whatever is done (B1–B3)', () => {
  const acts = fc.array(fc.constantFrom('system', 'put', 'next'), { maxLength: 60 });
  fc.assert(
    fc.property(acts, fc.nat(4), (list, capacity) => {
      const mailbox = new Mailbox<number>(capacity);
      const system: number[] = [];
      const messages: number[] = [];
      list.forEach((act, at) => {
        if (act === 'system') {
          system.push(at);
          mailbox.putSystem(at);
        } else if (act === 'put') {
          const hasRoom = messages.length < capacity;
          if (hasRoom) messages.push(at);
          expect(mailbox.put(at)).toBe(hasRoom);
        } else {
          expect(mailbox.next()).toBe(system.shift() ?? messages.shift());
        }
        expect(mailbox.isEmpty).toBe(system.length + messages.length === 0);
        expect(mailbox.hasSystem).toBe(system.length > 0);
      });
    }),
  );
});
