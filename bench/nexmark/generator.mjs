/**
 * The events of Nexmark, an auction site: persons, auctions and bids, 1 : 3 : 46 of every 50.
 *
 *  E1  An event is a pure function of (options, event id). So it is the same whoever makes it, in whatever order,
 *      again after a failure, and however many instances share the ids.
 *  E2  Ids of persons and of auctions follow from event ids (an epoch of 50 events has one person and three auctions), so a bid knows both without looking them up. A bid's
 *      bidder and an auction's seller are persons, among the last 1 000 or one of the next 10; a bid's auction is
 *      among the last 100 or one of the next 10. A hot bidder is the second person of a hundred, and therefore
 *      may be the next person.
 *  E3  Texts are slices of one text, prices come from tables: an event costs no more than its objects.
 *
 * The distributions are those of the reference generator of NEXMark (Apache Beam, Flink), but for E1 (that one has no
 * seed) and E2 (that one adds the first person's id to a bidder twice, so joins miss).
 */

import {
  below,
  filler,
  fillerRange,
  LENGTH_MAX,
  mixSeed,
  price,
  startAt,
  startBehindLetters,
  text,
  textWithin,
} from './random.mjs';

/** @typedef {{ kind: 'person', id: number, name: string, emailAddress: string, creditCard: string, city: string,
 *   state: string, dateTime: number, extra: string }} Person */
/** @typedef {{ kind: 'auction', id: number, itemName: string, description: string, initialBid: number,
 *   reserve: number, dateTime: number, expires: number, seller: number, category: number, extra: string }} Auction */
/** @typedef {{ kind: 'bid', auction: number, bidder: number, price: number, channel: string, url: string,
 *   dateTime: number, extra: string }} Bid */

/**
 * `eventsPerSecond` is the rate of event time; prices are cents, times ms since the epoch, sizes bytes. A hot ratio of n means
 * that n − 1 of n choices are hot ones. `outOfOrderGroup` events in a row come in another order.
 */
export const DEFAULTS = Object.freeze({
  seed: 0,
  baseTime: 1_700_000_000_000,
  eventsPerSecond: 100_000,
  outOfOrderGroup: 1,
  personBytes: 200,
  auctionBytes: 500,
  bidBytes: 100,
  hotAuctionRatio: 2,
  hotSellerRatio: 4,
  hotBidderRatio: 4,
  auctionsInFlight: 100,
  activePeople: 1_000,
});

export const FIRST_ID = 1_000;
export const EVENTS_PER_EPOCH = 50;
const AUCTIONS_PER_EPOCH = 3;
const FIRST_BID = 1 + AUCTIONS_PER_EPOCH;
const FIRST_CATEGORY = 10;
const CATEGORIES = 5;
const ID_LEAD = 10;
const HOT_EVERY = 100;
const CHANNELS = 10_000;
/** An auction is open for as long as this many events take, on average. */
const EXPIRY_EVENTS = 1_666;
const SHUFFLE = 953;

const HOT_CHANNELS = ['Google', 'Facebook', 'Baidu', 'Apple'];
const CITIES =
  'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(',');
const STATES = 'AZ,CA,ID,OR,WA,WY'.split(',');
const FIRST_NAMES = 'Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter'.split(',');
const LAST_NAMES = 'Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris'.split(',');

/** Made with the first generator of a thread. */
let known;

/**
 * @param {Partial<typeof DEFAULTS>} [given]
 * @returns `event(id)`, and `idAt(position, count)`: which event stands where, with out-of-order groups
 * @throws RangeError for an option that is unknown or no such number
 */
export function nexmark(given = {}) {
  const options = { ...DEFAULTS, ...given };
  check(options);
  const { baseTime, eventsPerSecond, outOfOrderGroup: group, activePeople } = options;
  const { auctionsInFlight, personBytes, auctionBytes, bidBytes } = options;
  const { hotAuctionRatio, hotSellerRatio, hotBidderRatio } = options;
  const seed = mixSeed(options.seed);
  const openMs = Math.max(1, Math.floor((2 * EXPIRY_EVENTS * 1_000) / eventsPerSecond));
  known ??= channels();
  const { names, urls } = known;
  const bidExtra = fillerRange(32, bidBytes);
  const eventsPerMs = eventsPerSecond / 1_000;
  // A quotient of whole numbers is rounded once, so both give the same; the product soon leaves 32 bits.
  const timeOf = Number.isInteger(eventsPerMs)
    ? (id) => baseTime + Math.floor(id / eventsPerMs)
    : (id) => baseTime + Math.floor((id * 1_000) / eventsPerSecond);

  function anyPerson(last) {
    const people = last + 1;
    const active = Math.min(people, activePeople);
    return people - active + below(active + ID_LEAD);
  }

  function anyAuction(last) {
    const least = Math.max(0, last - auctionsInFlight);
    return least + below(last - least + 1 + ID_LEAD);
  }

  /** @returns {Person} */
  function person(id, epoch) {
    startAt(id, seed);
    const name = `${FIRST_NAMES[below(11)]} ${LAST_NAMES[below(9)]}`;
    const emailAddress = `${text(7)}@${text(5)}.com`;
    const creditCard = `${fourDigits()} ${fourDigits()} ${fourDigits()} ${fourDigits()}`;
    const city = CITIES[below(10)];
    const state = STATES[below(6)];
    const bytes =
      16 + name.length + emailAddress.length + creditCard.length + city.length + state.length;
    return {
      kind: 'person',
      id: FIRST_ID + epoch,
      name,
      emailAddress,
      creditCard,
      city,
      state,
      dateTime: timeOf(id),
      extra: filler(bytes, personBytes),
    };
  }

  /** @returns {Auction} */
  function auction(id, epoch, place) {
    startAt(id, seed);
    const itemName = text(3 + below(17));
    const description = text(3 + below(97));
    const initialBid = price();
    const reserve = initialBid + price();
    const dateTime = timeOf(id);
    const expires = dateTime + 1 + below(openMs);
    const isHot = below(hotSellerRatio) > 0;
    const seller = FIRST_ID + (isHot ? hot(epoch) : anyPerson(epoch));
    const category = FIRST_CATEGORY + below(CATEGORIES);
    const bytes = 56 + itemName.length + description.length;
    return {
      kind: 'auction',
      id: FIRST_ID + epoch * AUCTIONS_PER_EPOCH + place,
      itemName,
      description,
      initialBid,
      reserve,
      dateTime,
      expires,
      seller,
      category,
      extra: filler(bytes, auctionBytes),
    };
  }

  /** @returns {Bid} */
  function bid(id, epoch) {
    startAt(id, seed);
    const lastAuction = (epoch + 1) * AUCTIONS_PER_EPOCH - 1;
    const auction = below(hotAuctionRatio) > 0 ? hot(lastAuction) : anyAuction(lastAuction);
    const bidder = below(hotBidderRatio) > 0 ? hot(epoch) + 1 : anyPerson(epoch);
    const cents = price();
    const channel = below(2) > 0 ? below(4) : HOT_CHANNELS.length + below(CHANNELS);
    return {
      kind: 'bid',
      auction: FIRST_ID + auction,
      bidder: FIRST_ID + bidder,
      price: cents,
      channel: names[channel],
      url: urls[channel],
      dateTime: timeOf(id),
      extra: textWithin(bidExtra),
    };
  }

  return {
    /** @returns {Person | Auction | Bid} */
    event(id) {
      const offset = id % EVENTS_PER_EPOCH;
      const epoch = (id - offset) / EVENTS_PER_EPOCH;
      if (offset >= FIRST_BID) return bid(id, epoch);
      return offset === 0 ? person(id, epoch) : auction(id, epoch, offset - 1);
    },
    /**
     * A group that `count` cuts off keeps its order, so that the ids below `count` come once each.
     * @param {number} [count] of all events
     */
    idAt(position, count = Number.MAX_SAFE_INTEGER) {
      if (group === 1) return position;
      const within = position % group;
      const start = position - within;
      return start + group > count ? position : start + ((within * SHUFFLE) % group);
    },
  };
}

const hot = (last) => last - (last % HOT_EVERY);
const fourDigits = () => 1_000 + below(9_000);

/** The four channels that half of all bids come by, then the others, each with its url. */
function channels() {
  const names = [...HOT_CHANNELS];
  for (let i = 0; i < CHANNELS; i += 1) names.push(`channel-${i}`);
  startBehindLetters();
  const word = () => text(5).replaceAll(' ', '_');
  const urls = names.map((_, i) => {
    const url = `https://www.nexmark.com/${word()}/${word()}/${word()}/item.htm?query=1`;
    const hasId = i >= HOT_CHANNELS.length && below(10) > 0;
    const text = hasId ? `${url}&channel_id=${reversed(i - HOT_CHANNELS.length)}` : url;
    return Buffer.from(text, 'latin1').toString('latin1'); // Flat, where the template has made a rope.
  });
  return { names, urls };
}

/** The 32 bits of a number in reverse, as the size of a signed number. */
function reversed(value) {
  let bits = 0;
  for (let i = 0; i < 32; i += 1) bits = (bits << 1) | ((value >>> i) & 1);
  return Math.abs(bits);
}

/** `below` takes bounds up to 2^21, and an extra is a fifth longer than what is missing at most. */
function rangeOf(name) {
  if (name.endsWith('Bytes')) return [0, LENGTH_MAX / 2];
  if (name === 'seed') return [0, 2 ** 32 - 1];
  if (name === 'baseTime') return [0, 2 ** 42];
  if (name === 'eventsPerSecond') return [10, 1_000_000_000];
  return [1, 1_000_000];
}

function check(options) {
  for (const [name, value] of Object.entries(options)) {
    if (!(name in DEFAULTS)) throw new RangeError(`nexmark: there is no option '${name}'`);
    const [least, most] = rangeOf(name);
    if (!(Number.isSafeInteger(value) && value >= least && value <= most)) {
      throw new RangeError(
        `nexmark: ${name} must be a whole number from ${least} to ${most}, not ${value}`,
      );
    }
  }
  const { outOfOrderGroup: group } = options;
  if (group > 1 && (group % SHUFFLE === 0 || (SHUFFLE - 1) % group === 0)) {
    throw new RangeError(
      `nexmark: outOfOrderGroup must be no multiple of ${SHUFFLE}, where events would be missing, and no ` +
        `divisor of ${SHUFFLE - 1}, where they would keep their order, but is ${group}`,
    );
  }
}
