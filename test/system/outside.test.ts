/** Those outside, by hand: journal, deadlines, ids, settled answers, rollbacks. */

import { describe, expect, test } from 'vitest';
import type { AskOutcome } from '../../src/actors/node/ask-table.js';
import { Outside, type OutsideCommand, type OutsidePart } from '../../src/system/outside.js';

const to = { actor: 'Account', path: 'Account#a', incarnation: 0 };
const ok = (value: unknown): AskOutcome => ({ ok: true, value });

interface Given {
  readonly id?: string;
  readonly timeoutMs?: number;
  readonly settled?: boolean;
  readonly handler?: string;
  readonly node?: number;
}

function outsideOf({ nodes = 2, capacity = 100, keep = 100 } = {}, part?: OutsidePart) {
  const outside = new Outside({ nodes, capacity, keep }, part);
  const log: OutsideCommand[] = [];
  let now = 0;
  let last = 0;
  const handle = (event: Parameters<Outside['handle']>[0]) => {
    const commands = outside.handle(event, now);
    log.push(...commands);
    return commands;
  };
  const request = (message: unknown, asks: boolean, given: Given) => {
    const { id, timeoutMs = 1_000, settled = false, handler = 'deposit', node = 0 } = given;
    last += 1;
    handle({
      kind: 'request',
      token: last,
      node,
      letter: { kind: 'message', to, handler, message },
      path: to.path,
      handler,
      id,
      answer: asks ? { timeoutMs, settled } : undefined,
    });
    return last;
  };
  return {
    outside,
    handle,
    log,
    tell: (message: unknown, given: Given = {}) => request(message, false, given),
    ask: (message: unknown, given: Given = {}) => request(message, true, given),
    answer: (ask: number, outcome: AskOutcome, from = 0) =>
      handle({ kind: 'answer', from, ask, outcome }),
    at(ms: number) {
      now = ms;
      return handle({ kind: 'tick' });
    },
    /** All that was sent: the messages. */
    sent: () =>
      log.flatMap((one) =>
        one.kind === 'send' && one.envelope.kind === 'message' ? [one.envelope.message] : [],
      ),
    fate: (token: number) =>
      log
        .filter((one) => 'token' in one && one.token === token)
        .map((one) =>
          one.kind === 'resolve' ? one.value : one.kind === 'reject' ? one.error.message : one,
        ),
    snapshot(checkpoint: number) {
      handle({ kind: 'cut', checkpoint });
      for (let from = 0; from < nodes; from += 1) handle({ kind: 'marker', from, checkpoint });
    },
    partOf(checkpoint: number): OutsidePart {
      const found = log.find((one) => one.kind === 'part' && one.checkpoint === checkpoint);
      if (found?.kind !== 'part') throw new Error('no part');
      return found.part;
    },
    rollBack() {
      handle({ kind: 'disconnected' });
      log.length = 0;
      handle({ kind: 'connected' });
    },
  };
}

describe('the journal', () => {
  test('what is told before the start leaves first, in order', () => {
    const { tell, handle, sent, fate } = outsideOf();
    const token = tell(1);
    tell(2);
    expect(fate(token)).toEqual([undefined]);
    expect(sent()).toEqual([]);
    handle({ kind: 'connected' });
    tell(3);
    expect(sent()).toEqual([1, 2, 3]);
  });

  test('after a rollback exactly what stands behind the cut of the newest complete snapshot comes again', () => {
    const { tell, handle, sent, snapshot, rollBack, outside } = outsideOf();
    handle({ kind: 'connected' });
    tell(1);
    handle({ kind: 'cut', checkpoint: 1 });
    tell(2);
    for (const from of [0, 1]) handle({ kind: 'marker', from, checkpoint: 1 });
    handle({ kind: 'completed', checkpoint: 1 });
    rollBack();
    expect(sent()).toEqual([2]);
    snapshot(2);
    handle({ kind: 'given-up', checkpoint: 2 });
    rollBack();
    expect(sent()).toEqual([2]);
    snapshot(3);
    handle({ kind: 'completed', checkpoint: 3 });
    rollBack();
    expect(sent()).toEqual([]);
    expect(outside.journalled).toBe(0);
  });

  test('a full one has requests wait for room in their order, and asks for a snapshot once', () => {
    const { tell, ask, at, handle, sent, fate, snapshot, log } = outsideOf({ capacity: 2 });
    handle({ kind: 'connected' });
    for (const message of [1, 2]) tell(message);
    const third = tell(3);
    const late = ask(4, { timeoutMs: 10 });
    const fifth = tell(5);
    expect(log.filter(({ kind }) => kind === 'full')).toHaveLength(1);
    expect([fate(third), fate(fifth)]).toEqual([[], []]);
    at(10);
    expect(fate(late)).toEqual([expect.stringContaining('within 10 ms')]);
    snapshot(1);
    handle({ kind: 'completed', checkpoint: 1 });
    expect(sent()).toEqual([1, 2, 3, 5]);
    expect([fate(third), fate(fifth)]).toEqual([[undefined], [undefined]]);
  });
});

describe('asks', () => {
  test('an answer is given once; a late one, and one that comes again, are dropped', () => {
    const { ask, answer, at, fate, handle, rollBack } = outsideOf();
    handle({ kind: 'connected' });
    const first = ask(1);
    answer(1, ok('one'));
    expect(fate(first)).toEqual(['one']);
    const second = ask(2, { timeoutMs: 5 });
    at(5);
    answer(2, ok('two'));
    expect(fate(second)).toEqual([expect.stringContaining('within 5 ms')]);
    rollBack();
    answer(1, ok('one again'));
    expect(fate(first)).toEqual([]);
  });

  test('a failure rejects with what the handler threw', () => {
    const { ask, answer, fate } = outsideOf();
    const token = ask(1);
    answer(1, {
      ok: false,
      failure: { kind: 'user-code', name: 'RangeError', message: 'insufficient funds' },
    });
    expect(fate(token)).toEqual(['insufficient funds']);
  });

  test('a settled one waits for a snapshot that holds the answer', () => {
    const { ask, answer, fate, handle, snapshot } = outsideOf();
    handle({ kind: 'connected' });
    const early = ask(1, { settled: true });
    const recorded = ask(2, { settled: true, node: 1 });
    const behind = ask(3, { settled: true });
    answer(1, ok('early'));
    handle({ kind: 'cut', checkpoint: 1 });
    handle({ kind: 'marker', from: 0, checkpoint: 1 });
    answer(2, ok('recorded'), 1);
    answer(3, ok('behind'), 0);
    handle({ kind: 'marker', from: 1, checkpoint: 1 });
    expect([early, recorded, behind].map(fate)).toEqual([[], [], []]);
    handle({ kind: 'completed', checkpoint: 1 });
    expect([early, recorded, behind].map(fate)).toEqual([['early'], ['recorded'], []]);
    snapshot(2);
    handle({ kind: 'completed', checkpoint: 2 });
    expect(fate(behind)).toEqual(['behind']);
  });

  test('a settled one whose answer was rolled back gets that of the state that stays', () => {
    const { ask, answer, fate, handle, snapshot, rollBack } = outsideOf();
    handle({ kind: 'connected' });
    const token = ask(1, { settled: true });
    answer(1, ok('before'));
    snapshot(1);
    handle({ kind: 'given-up', checkpoint: 1 });
    rollBack();
    answer(1, ok('after'));
    snapshot(2);
    handle({ kind: 'completed', checkpoint: 2 });
    expect(fate(token)).toEqual(['after']);
  });

  test('the end rejects all that is open, and what comes later', () => {
    const { ask, tell, handle, fate, outside } = outsideOf({ capacity: 1 });
    const open = ask(1);
    const waiting = tell(2);
    handle({ kind: 'ended', error: new Error('over') });
    const late = tell(3);
    expect([open, waiting, late].map(fate)).toEqual([['over'], ['over'], ['over']]);
    expect(outside.nextDeadline()).toBeUndefined();
  });
});

describe('ids', () => {
  test('a repeat is not sent, and has the same answer', () => {
    const { ask, tell, answer, fate, handle, sent } = outsideOf();
    handle({ kind: 'connected' });
    const first = ask(1, { id: 'a' });
    const second = ask(1, { id: 'a' });
    answer(1, ok('one'));
    const third = ask(1, { id: 'a' });
    expect([first, second, third].map(fate)).toEqual([['one'], ['one'], ['one']]);
    tell(2, { id: 'b' });
    expect(fate(tell(2, { id: 'b' }))).toEqual([undefined]);
    expect(sent()).toEqual([1, 2]);
  });

  test('an id names one request: another one with it is refused', () => {
    const { ask, tell, fate, outside } = outsideOf();
    tell(1, { id: 'a' });
    const refused = [ask(1, { id: 'a' }), tell(1, { id: 'a', handler: 'withdraw' })];
    for (const token of refused)
      expect(fate(token)).toEqual([expect.stringContaining('of its own')]);
    expect(outside.nextDeadline()).toBeUndefined();
  });

  test('a repeat after a timeout gets the answer when it comes', () => {
    const { ask, answer, at, fate, sent, handle } = outsideOf();
    handle({ kind: 'connected' });
    ask(1, { id: 'a', timeoutMs: 5 });
    at(5);
    const again = ask(1, { id: 'a' });
    answer(1, ok('one'));
    expect(fate(again)).toEqual(['one']);
    expect(sent()).toEqual([1]);
  });

  test('the oldest are forgotten', () => {
    const { tell, handle, sent } = outsideOf({ keep: 2 });
    handle({ kind: 'connected' });
    for (const id of ['a', 'b', 'c', 'b', 'a']) tell(id, { id });
    expect(sent()).toEqual(['a', 'b', 'c', 'a']);
  });

  test('another process knows those of the snapshot, with the answers that it holds, and no others', () => {
    const { ask, tell, answer, handle, outside, partOf } = outsideOf();
    handle({ kind: 'connected' });
    outside.nextIncarnation();
    ask(1, { id: 'answered' });
    ask(2, { id: 'open' });
    tell(3, { id: 'told' });
    answer(1, ok('one'));
    handle({ kind: 'cut', checkpoint: 1 });
    tell(4, { id: 'behind' });
    handle({ kind: 'marker', from: 0, checkpoint: 1 });
    answer(2, ok('not held'));
    handle({ kind: 'marker', from: 1, checkpoint: 1 });
    const part = structuredClone(partOf(1));

    const next = outsideOf({}, part);
    next.handle({ kind: 'connected' });
    expect(next.outside.nextIncarnation()).toBe(-2);
    expect(next.fate(next.ask(1, { id: 'answered', settled: true }))).toEqual(['one']);
    const open = next.ask(2, { id: 'open' });
    next.answer(2, ok('two'));
    expect(next.fate(open)).toEqual(['two']);
    next.tell(3, { id: 'told' });
    next.tell(4, { id: 'behind' });
    expect(next.sent()).toEqual([4]);
    // No ask of the first process has the number of one of the second.
    next.ask(5);
    expect(next.log.at(-1)).toMatchObject({ envelope: { ask: { id: 3 } } });
  });
});
