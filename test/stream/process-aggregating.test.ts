/** `aggregating(aggregation(…))` state: null is a value, and what is added and given out are copies. */

import { expect, it } from 'vitest';
import type { RecordsMode } from '../../src/channels/record-keeper.js';
import { first, last } from '../../src/stream/api/event-order.js';
import { aggregating } from '../../src/stream/api/state-specs.js';
import { aggregation } from '../../src/stream/api/user-aggregation.js';
import { thrownBy } from './graph-kit.js';
import { Harness, runPlain, runRestoring } from './operator-kit.js';
import { at, of, shown } from './process-kit.js';

it('goes on from null', () => {
  const create = of({
    state: {
      last: aggregating(
        aggregation({
          initial: (): string | null => 'none yet',
          add: (state, { n }: { n?: number }) => (n === 0 ? null : `${state} ${n}`),
        }),
      ),
    },
    onElement(record, { state: { last } }, out) {
      last.add(record);
      out.emit(last.get());
    },
  });
  const items = [1, 0, 2].map((n) => at(0, 'a', { n }));
  for (const run of [runPlain, runRestoring]) {
    expect(shown(run(create, items).emitted)).toEqual([
      'none yet 1 at 0',
      'null at 0',
      'null 2 at 0',
    ]);
  }
});

interface Added {
  n: number;
  readonly parts: number[];
  readonly at: Date;
}

/** Changes what it has added and what it got, and emits what it gets then; or how that was refused. */
const changing = () =>
  of({
    state: {
      all: aggregating(
        aggregation({
          initial: (): Added[] => [],
          add: (all, added: Added) => void all.push(added),
        }),
      ),
    },
    onElement(_record, { state: { all } }, out) {
      const added: Added = { n: 1, parts: [1], at: new Date(0) };
      all.add(added);
      try {
        added.n = 2;
        added.parts.push(2);
        added.at.setTime(2);
        const got = all.get();
        got.pop();
        for (const one of all.get()) {
          one.n = 3;
          one.parts.push(3);
          one.at.setTime(3);
        }
      } catch (error) {
        out.emit(`refused: ${(error as Error).constructor.name}`);
      }
      out.emit(JSON.stringify(all.get()));
    },
  });

const one = '{"n":1,"parts":[1],"at":"1970-01-01T00:00:00.000Z"}';

it('is not changed by who has added or got, and freezes nothing of theirs', () => {
  const items = [at(0), at(0)];
  for (const run of [runPlain, runRestoring]) {
    expect(shown(run(changing(), items).emitted)).toEqual([
      `[${one}] at 0`,
      `[${one},${one}] at 0`,
    ]);
  }
});

it.each<RecordsMode>(['frozen', 'trusted'])('gives no copies where records are %s', (records) => {
  const harness = new Harness(changing(), { records });
  harness.feed(at(0));
  expect(shown(harness.emitted)).toEqual(['refused: TypeError at 0', `[${one}] at 0`]);
});

it('refuses what cannot be in a checkpoint where it is added, with its name', () => {
  const create = of({
    state: {
      all: aggregating(
        aggregation({ initial: (): unknown[] => [], add: (all, one) => void all.push(one) }),
      ),
    },
    onElement: (_record, { state: { all } }) => all.add({ deep: () => 1 }),
  });
  expect(() => new Harness(create).feed(at(0))).toThrow(
    expect.objectContaining({
      code: 'ERR_HOLDFAST_UNSUPPORTED_VALUE',
      message: expect.stringContaining('state.all.deep'),
    }),
  );
});

it.each([first, last])('refuses %o, for what is added has no time', (made) => {
  const error = thrownBy(() => aggregating(made((n: number) => n)));
  expect(error.code).toBe('ERR_HOLDFAST_BAD_OPTION');
  expect(error.message).toContain('it goes by event time');
});
