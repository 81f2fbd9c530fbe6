/** Nexmark's generator: what its events are, how often, and that they are the same in whatever order they are made. */

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';

type Options = Record<string, number>;
type Fields = Record<string, string | number>;
interface Generator {
  event(id: number): Fields & { readonly kind: string };
  idAt(position: number, count?: number): number;
}
const { FIRST_ID, nexmark } = (await import(
  new URL('../../bench/nexmark/generator.mjs', import.meta.url).href
)) as { readonly FIRST_ID: number; nexmark(options?: Options): Generator };

const COUNT = 50_000;
const events = (options?: Options, count = COUNT) => {
  const { event } = nexmark(options);
  return Array.from({ length: count }, (_, id) => event(id));
};
const of = (all: readonly (Fields & { kind: string })[], kind: string) =>
  all.filter((event) => event.kind === kind);
const share = (all: readonly Fields[], is: (event: Fields) => boolean) =>
  all.filter(is).length / all.length;
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const hash = (all: readonly Fields[]) =>
  createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 16);

const all = events();
const [persons, auctions, bids] = [of(all, 'person'), of(all, 'auction'), of(all, 'bid')];
/** Numbers of the last person, and of the last auction, at an event. */
const lastPerson = (id: number) => Math.floor(id / 50);
const lastAuction = (id: number) => Math.floor(id / 50) * 3 + Math.min(id % 50, 3) - 1;

describe('which events there are', () => {
  test('1 person, 3 auctions and 46 bids of every 50, with ids in a row', () => {
    expect([persons.length, auctions.length, bids.length]).toEqual([1_000, 3_000, 46_000]);
    expect(persons.map(({ id }) => id)).toEqual(persons.map((_, i) => FIRST_ID + i));
    expect(auctions.map(({ id }) => id)).toEqual(auctions.map((_, i) => FIRST_ID + i));
  });

  test('event time grows by 10 µs an event, and otherwise with another rate and base', () => {
    const timeOf = (id: number) => 1_700_000_000_000 + Math.floor(id / 100);
    expect(all.filter(({ dateTime }, id) => dateTime !== timeOf(id))).toEqual([]);
    const slow = events({ eventsPerSecond: 10, baseTime: 5 }, 100);
    expect(slow.map(({ dateTime }) => dateTime)).toEqual(slow.map((_, id) => 5 + id * 100));
  });

  test('who is named exists, or is one of the next 10', () => {
    const isFar = (number: number, last: number, active: number) =>
      number < Math.max(0, last - active) || number > last + 10;
    const far = all.filter((event, id) => {
      const numberOf = (name: string) => Number(event[name]) - FIRST_ID;
      if (event.kind === 'auction') return isFar(numberOf('seller'), lastPerson(id), 1_000);
      if (event.kind !== 'bid') return false;
      const isFarBidder = isFar(numberOf('bidder'), lastPerson(id), 1_000);
      return isFarBidder || isFar(numberOf('auction'), lastAuction(id), 100);
    });
    expect(far).toEqual([]);
  });
});

describe('how often', () => {
  test('hot auctions 1 in 2, hot bidders and sellers 3 in 4, and some by chance', () => {
    const isHot = (name: string, plus: number) => (event: Fields) =>
      (Number(event[name]) - FIRST_ID) % 100 === plus;
    expect(share(bids, isHot('auction', 0))).toBeCloseTo(0.5 + 0.5 / 100, 1.7);
    expect(share(bids, isHot('bidder', 1))).toBeCloseTo(0.75 + 0.25 / 100, 1.7);
    expect(share(auctions, isHot('seller', 0))).toBeCloseTo(0.75 + 0.25 / 100, 1.5);
  });

  test('other ratios are kept: 1 in 10 is not hot', () => {
    const hot = of(events({ hotAuctionRatio: 10 }), 'bid');
    const share0 = share(hot, (event) => (Number(event['auction']) - FIRST_ID) % 100 === 0);
    expect(share0).toBeCloseTo(0.9 + 0.1 / 100, 1.7);
  });

  test('half of the bids by one of four channels, and nine in ten of the others with its id', () => {
    const isNamed = ({ channel }: Fields) => !String(channel).startsWith('channel-');
    expect(share(bids, isNamed)).toBeCloseTo(0.5, 1.7);
    const others = bids.filter((bid) => !isNamed(bid));
    expect(share(others, ({ url }) => String(url).includes('&channel_id='))).toBeCloseTo(0.9, 1.7);
    const urls = new Map(bids.map(({ channel, url }) => [channel, url]));
    expect(bids.every(({ channel, url }) => urls.get(String(channel)) === url)).toBe(true);
  });

  test('prices are 10^(6U) dollars: as many in each power of ten', () => {
    for (let power = 2; power < 8; power += 1) {
      const within = ({ price }: Fields) =>
        Number(price) >= 10 ** power && Number(price) < 10 ** (power + 1);
      expect(share(bids, within)).toBeCloseTo(1 / 6, 1.7);
    }
    expect(bids.every(({ price }) => Number(price) >= 100 && Number(price) <= 1e8)).toBe(true);
    expect(auctions.every((a) => Number(a['reserve']) > Number(a['initialBid']))).toBe(true);
  });

  test('an auction is open for 1 to 33 ms, categories are 10 to 14', () => {
    const open = auctions.map((a) => Number(a['expires']) - Number(a['dateTime']));
    expect([Math.min(...open), Math.max(...open)]).toEqual([1, 33]);
    expect([...new Set(auctions.map((a) => a['category']))].sort()).toEqual([10, 11, 12, 13, 14]);
  });
});

test('records have their sizes: 200, 500, and 100 bytes without channel and url', () => {
  const bytes = (event: Fields) =>
    Object.entries(event)
      .filter(([name]) => !['kind', 'channel', 'url'].includes(name))
      .reduce((sum, [, value]) => sum + (typeof value === 'string' ? value.length : 8), 0);
  for (const [some, average] of [
    [persons, 200],
    [auctions, 500],
    [bids, 100],
  ] as const) {
    expect(Math.abs(mean(some.map(bytes)) - average)).toBeLessThan(average / 50);
  }
  const large = of(events({ bidBytes: 1_000 }, 5_000), 'bid').map(bytes);
  expect(Math.abs(mean(large) - 1_000)).toBeLessThan(20);
  expect(of(events({ bidBytes: 0 }, 50), 'bid').every(({ extra }) => extra === '')).toBe(true);
});

describe('an event is a function of its id', () => {
  test('in any order, also between the events of another generator', () => {
    const { event } = nexmark();
    const other = nexmark({ seed: 7 });
    for (let i = 0; i < 2_000; i += 1) {
      const id = (i * 7_919) % COUNT;
      other.event(id);
      expect(event(id)).toEqual(all[id]);
    }
  });

  test('a seed gives others', () => {
    const seeded = events({ seed: 7 }, 2_000);
    expect(seeded).toEqual(events({ seed: 7 }, 2_000));
    const same = of(seeded, 'bid').filter((bid, i) => bid['price'] === bids[i]?.['price']);
    expect(same.length).toBeLessThan(20);
  });

  test('ids beyond 32 bits are other events', () => {
    const { event } = nexmark();
    const { dateTime: _, ...far } = event(2 ** 32 * 50 + 10);
    const { dateTime: __, ...near } = event(10);
    expect(far['extra']).not.toBe(near['extra']);
  });

  test('the first 10 000 are what they have always been', () => {
    expect(hash(all.slice(0, 10_000))).toBe('d94206c4e861229b');
    expect(all[4]).toEqual({
      kind: 'bid',
      auction: 1000,
      bidder: 1002,
      price: 26410299,
      channel: 'Google',
      url: 'https://www.nexmark.com/nqrpy/cwq_r/zpjsk/item.htm?query=1',
      dateTime: 1700000000000,
      extra: 'npoq nhwb htuogkviayut getnveyizsmxoygeupropgzjtkddi znwcqdjkryotnxrr',
    });
  });
});

describe('out-of-order groups', () => {
  test.each([1, 6, 100])(
    'of %i: every id once, none leaves its group, a cut group in order',
    (n) => {
      const { idAt } = nexmark({ outOfOrderGroup: n });
      const ids = Array.from({ length: 1_005 }, (_, position) => idAt(position, 1_005));
      expect(ids.toSorted((a, b) => a - b)).toEqual(ids.map((_, i) => i));
      expect(ids.every((id, i) => Math.floor(id / n) === Math.floor(i / n))).toBe(true);
      expect(ids.some((id, i) => id !== i)).toBe(n > 1);
      expect(ids.slice(1_000 - (1_000 % n) + (n === 7 ? 7 : 0)).at(-1)).toBe(1_004);
    },
  );
});

test('wrong options are refused', () => {
  expect(() => nexmark({ hotRatio: 2 })).toThrow("there is no option 'hotRatio'");
  expect(() => nexmark({ hotAuctionRatio: 0 })).toThrow('a whole number from 1');
  expect(() => nexmark({ outOfOrderGroup: 1_906 })).toThrow('no multiple of 953');
  expect(() => nexmark({ outOfOrderGroup: 7 })).toThrow('no divisor of 952');
});
