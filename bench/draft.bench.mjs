/**
 * A message to a flat state that reads two fields and writes one: by its own draft, by immer's, and by plain assignment. Processor
 * time of one thread, messages of 64 states in turn, in one process; rounds alternate and medians are compared. `drafts` is
 * the draft as `update` of a state uses it, `value` is its time. Plain assignment keeps nothing: it is what no draft can be
 * faster than. Not measured: finding the state, snapshots.
 */

import { Immer } from 'immer';
import { changedFlat, isFlat } from '../dist/actors/draft/flat-draft.js';
import { median, round } from './lib/measure.mjs';

const STATES = 64;
const immer = new Immer({ autoFreeze: false });

/** A function for each way: what V8 has learnt of it with one kind of draft is nothing that another should pay for. */
const message = () => new Function('state', 'state.balance = state.balance + state.fee;');
const spread = () => new Function('state', 'return { ...state, name: "other" };');

function statesOf() {
  return Array.from({ length: STATES }, (_, id) => ({
    id,
    balance: 0,
    fee: 2,
    open: true,
    name: `n${id}`,
  }));
}

/** Each makes the next state of a state. */
function ways() {
  const byDraft = (change) => {
    const names = { where: 'update(…)', name: 'state' };
    return (state) =>
      isFlat(state) ? changedFlat(state, names, change) : immer.produce(state, change);
  };
  const byImmer = (change) => (state) => immer.produce(state, change);
  const plainly = message();
  return {
    drafts: byDraft(message()),
    immer: byImmer(message()),
    plain: (state) => {
      plainly(state);
      return state;
    },
    spreadOfDraft: byDraft(spread()),
    spreadOfImmer: byImmer(spread()),
  };
}

/** @returns ns of processor time per message */
function timeOf(next, messages) {
  const states = statesOf();
  const begin = process.cpuUsage();
  for (let i = 0; i < messages; i += 1) states[i % STATES] = next(states[i % STATES]);
  const { user, system } = process.cpuUsage(begin);
  return ((user + system) * 1_000) / messages;
}

export default async function draft({ smoke, log }) {
  const rounds = smoke ? 1 : 7;
  const messages = smoke ? 20_000 : 1_000_000;
  const makers = ways();
  const times = Object.fromEntries(Object.keys(makers).map((way) => [way, []]));
  for (let i = -1; i < rounds; i += 1) {
    for (const [way, next] of Object.entries(makers)) {
      const ns = timeOf(next, messages);
      // The first round compiles.
      if (i >= 0 || smoke) times[way].push(ns);
    }
    log(
      `round ${i + 1}, ns: ${Object.entries(times)
        .map(([way, all]) => `${way} ${round(all.at(-1) ?? 0)}`)
        .join(', ')}`,
    );
  }
  const ns = Object.fromEntries(
    Object.entries(times).map(([way, all]) => [way, round(median(all))]),
  );
  return {
    name: 'draft',
    value: ns.drafts,
    baseline: ns.immer,
    ratio: round(ns.immer / ns.drafts),
    unit: 'ns of processor time per message',
    target: 'ratio >= 2',
    plain: ns.plain,
    messagesPerSecond: Math.round(1e9 / ns.drafts),
    spreadOfDraft: ns.spreadOfDraft,
    spreadOfImmer: ns.spreadOfImmer,
  };
}
