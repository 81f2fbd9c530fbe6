/**
 * Which member owns which key group: consistent hashing with bounded loads (Mirrokni, Thorup,
 * Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018), over the ring of `ring.ts`.
 *
 * Each group, in turn 1…m, goes clockwise from its own place to the first member that has room.
 *
 * Invariants
 *   P1  Every group has exactly one owner.
 *   P2  No member owns more than ⌈m · w/W · c⌉ groups (m groups, weight w of W, load bound c ≥ 1).
 *   P3  The placement depends on the set of members, their weights and the numbers m, c and virtual
 *       nodes alone: not on the order in which members are named, nor on what was placed before.
 *       So nothing moves while nothing changes, and a restart finds every group where it was.
 *
 * c = 1 is the default: with a bound of 1.1 one of two instances could carry 10 % too much, and the
 * slower one sets the pace. The price is paid by a rescale, which moves some groups besides those that must move.
 */

import { assert } from '../base/assert.js';
import { HoldfastError } from '../base/errors.js';
import { KEY_GROUPS_MAX } from './key-group.js';
import { murmur3Number } from './murmur3.js';
import { buildRing, pointAfter, type RingMember } from './ring.js';

/**
 * Jobs place their groups by `placementTable`, where all instances weigh the same. Weights, the number of
 * points and the load bound are for members that are machines of different sizes.
 */
export interface PlacementOptions {
  /** Key groups to place (m): 1…65 535. */
  readonly keyGroups: number;
  /** Different ids; weights above 0 and at most 1 000. */
  readonly members: readonly RingMember[];
  /** Points on the ring of a member of weight 1: 1…4 096, 160 by default. */
  readonly virtualNodes?: number | undefined;
  /** How far a member's load may exceed its fair share: at least 1, which is the default. */
  readonly loadBound?: number | undefined;
}

export interface Placement {
  readonly keyGroups: number;
  /** Ids, sorted by their UTF-16 units. */
  readonly members: readonly string[];
  /** Entry g (1…m) is the index in `members` of group g's owner; entry 0 is unused. */
  readonly owners: Uint16Array;
}

const VIRTUAL_NODES = 160;
const VIRTUAL_NODES_MAX = 4_096;
const WEIGHT_MAX = 1_000;
const MEMBERS_MAX = 0xffff;
const SEED_GROUP = 0x6b657967;
/** Keeps ⌈…⌉ from rounding 3.0000000000000004 up. It is far too little to lose a group (P1). */
const ROUNDING = 1e-9;

/**
 * Places key groups on members.
 * @throws `ERR_HOLDFAST_BAD_OPTION` for no members, repeated ids, or a number out of its range
 */
export function placeGroups(options: PlacementOptions): Placement {
  const { keyGroups, virtualNodes = VIRTUAL_NODES, loadBound = 1 } = options;
  const members = [...options.members].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  check(keyGroups, virtualNodes, loadBound, members);

  const ring = buildRing(members, virtualNodes);
  const room = capacities(members, keyGroups, loadBound);
  const owners = new Uint16Array(keyGroups + 1);
  for (let group = 1; group <= keyGroups; group += 1) {
    let point = pointAfter(ring, murmur3Number(group, SEED_GROUP));
    for (let tried = 0; room[ring.owners[point]!] === 0; tried += 1) {
      assert(tried < ring.owners.length, 'the room on the ring is smaller than the key groups');
      point = point + 1 === ring.owners.length ? 0 : point + 1;
    }
    const owner = ring.owners[point]!;
    room[owner]! -= 1;
    owners[group] = owner;
  }
  return { keyGroups, members: members.map((member) => member.id), owners };
}

/** The bound of P2 for each member. The sum of the bounds is at least m, because c is at least 1. */
function capacities(
  members: readonly RingMember[],
  keyGroups: number,
  loadBound: number,
): Uint32Array {
  const total = members.reduce((sum, { weight = 1 }) => sum + weight, 0);
  return Uint32Array.from(members, ({ weight = 1 }) =>
    Math.ceil(((keyGroups * weight) / total) * loadBound - ROUNDING),
  );
}

const tables = new Map<string, Uint16Array>();
const TABLES_MAX = 64;

/**
 * Key groups on an operator's instances 0…q−1, placed as `placeGroups` does for members that are
 * named by their instance number and weigh the same: entry g (1…m) is the owning instance, entry 0
 * is unused. The table is the caller's own.
 * @throws `ERR_HOLDFAST_BAD_OPTION` for a number out of its range
 */
export function placementTable(keyGroups: number, instances: number): Uint16Array {
  const name = `${keyGroups}/${instances}`;
  let table = tables.get(name);
  if (table === undefined) {
    table = makeTable(keyGroups, instances);
    if (tables.size === TABLES_MAX) tables.clear();
    tables.set(name, table);
  }
  return table.slice();
}

function makeTable(keyGroups: number, instances: number): Uint16Array {
  integerIn('instances', instances, 1, MEMBERS_MAX);
  const members = Array.from({ length: instances }, (_, instance) => ({ id: String(instance) }));
  const placement = placeGroups({ keyGroups, members });
  // Members are sorted by their ids as texts ('10' before '2'), so the index is no instance number.
  return placement.owners.map((owner, group) =>
    group === 0 ? 0 : Number(placement.members[owner]),
  );
}

function check(
  keyGroups: number,
  virtualNodes: number,
  loadBound: number,
  sorted: readonly RingMember[],
): void {
  integerIn('keyGroups', keyGroups, 1, KEY_GROUPS_MAX);
  integerIn('virtualNodes', virtualNodes, 1, VIRTUAL_NODES_MAX);
  integerIn('the number of members', sorted.length, 1, MEMBERS_MAX);
  if (!(loadBound >= 1) || loadBound === Number.POSITIVE_INFINITY) {
    throw bad(`loadBound is ${loadBound}: give a finite number of at least 1`, 'loadBound');
  }
  sorted.forEach(({ id, weight = 1 }, index) => {
    if (sorted[index + 1]?.id === id) {
      throw bad(`there are two members '${id}': give every member an id of its own`, 'members');
    }
    if (!(weight > 0) || weight > WEIGHT_MAX) {
      throw bad(
        `the weight of member '${id}' is ${weight}: give one above 0 and at most ${WEIGHT_MAX}`,
        'members',
      );
    }
  });
}

function integerIn(option: string, given: number, min: number, max: number): void {
  if (Number.isInteger(given) && given >= min && given <= max) return;
  throw bad(`${option} is ${given}: give an integer from ${min} to ${max}`, option);
}

function bad(message: string, option: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_BAD_OPTION', message, { details: { option } });
}
