/** Parts of nodes dealt out to another number of nodes: the actors do not notice. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ActorRef,
  type AskAddress,
  type AskResult,
  defineActor,
} from '../../../src/actors/index.js';
import type { NodePart } from '../../../src/actors/snapshot/node-part.js';
import { decodeNodePart, encodeNodePart } from '../../../src/actors/snapshot/node-part.js';
import { rehome } from '../../../src/actors/snapshot/rehome.js';
import { homesOf, SomeNodes } from './some-nodes.js';

const url = import.meta.url;

interface Step {
  readonly to: readonly number[];
  readonly how: 'send' | 'ask' | 'await' | 'later' | 'spawn' | 'owe' | 'pass' | 'stash';
  readonly amount: number;
}

const Totals = defineActor(url, 'Totals', {
  initial: () => ({ sum: 0 }),
  mailbox: { capacity: 2 },
  handlers: {
    add(state, amount: number) {
      state.sum += amount;
      return amount;
    },
  },
});

/** What it does comes to the same whoever is next. */
const Peer = defineActor(url, 'Peer', {
  initial: () => ({ sum: 0, answers: 0, owed: [] as AskAddress[] }),
  handlers: {
    add(state, amount: number) {
      state.sum += amount;
      return amount;
    },
    answered(state, { ok }: AskResult) {
      state.answers += ok ? 1 : 0;
    },
    /** Who asks is answered later, by this one or by another one that has the name of the ask. */
    owe(state, { by }: { by?: ActorRef }, ctx) {
      const ask = ctx.replyLater()!;
      if (by !== undefined && by.path !== ctx.self.path) ctx.send(by, 'payFor', ask);
      else {
        state.owed.push(ask);
        ctx.after(3, 'pay');
      }
    },
    pay(state, _message: undefined, ctx) {
      const ask = state.owed.shift();
      if (ask !== undefined) ctx.reply('paid', { ...ask });
    },
    payFor(state, ask: AskAddress, ctx) {
      state.owed.push(ask);
      ctx.after(2, 'pay');
    },
    wait(_state, _message: undefined, ctx) {
      ctx.become('waiting');
      ctx.after(2, 'goOn');
    },
    'waiting.add'(_state, _amount: number, ctx) {
      ctx.stash();
    },
    goOn(_state, _message: undefined, ctx) {
      ctx.become(undefined);
      ctx.unstash();
    },
    act(
      state,
      { peers, program, at }: { peers: ActorRef[]; program: Step[]; at: number },
      ctx,
    ): unknown {
      const step = program[at];
      if (step === undefined) return undefined;
      const { how, amount } = step;
      state.sum += amount;
      const named = step.to.map((n) => peers[n % peers.length]!);
      const others = named.filter(({ path }) => path !== ctx.self.path);
      for (const peer of others) {
        if (how === 'ask') ctx.ask(peer, 'add', amount, { reply: 'answered' });
        else if (how === 'owe') ctx.ask(peer, 'owe', {}, { reply: 'answered' });
        else if (how === 'pass') ctx.ask(peer, 'owe', { by: named.at(-1)! }, { reply: 'answered' });
        else ctx.send(peer, 'add', amount);
        if (how === 'later') ctx.after(amount, 'add', amount);
        if (how === 'stash') ctx.send(peer, 'wait');
        if (how === 'spawn') ctx.send(ctx.spawn(Totals, { restart: 'permanent' }), 'add', amount);
      }
      const onward = others[0] ?? ctx.self;
      ctx.send(onward, 'act', { peers, program, at: at + 1 });
      if (how !== 'await') return undefined;
      return ctx
        .ask(ctx.shard(Totals, `${amount % 5}`), 'add', amount)
        .then(() => ctx.ask(ctx.shard(Totals, 'all'), 'add', 1))
        .then(() => {
          state.answers += 1;
        });
    },
  },
});
const definitions = [Totals, Peer];

const step: fc.Arbitrary<Step> = fc.record({
  to: fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 3 }),
  how: fc.constantFrom('send', 'ask', 'await', 'later', 'spawn', 'owe', 'pass', 'stash'),
  amount: fc.integer({ min: 1, max: 50 }),
});
const plans = fc.record({
  peers: fc.integer({ min: 2, max: 6 }),
  starts: fc.array(fc.array(step, { maxLength: 8 }), { minLength: 1, maxLength: 4 }),
  seed: fc.nat({ max: 1_000_000 }),
  from: fc.integer({ min: 1, max: 4 }),
  to: fc.integer({ min: 1, max: 4 }),
  steps: fc.nat({ max: 80 }),
});
type Plan = typeof plans extends fc.Arbitrary<infer T> ? T : never;

function begin({ peers: count, starts, seed, from }: Plan): SomeNodes {
  const nodes = new SomeNodes(definitions, from, { seed });
  for (const node of nodes.nodes) node.sharded(Totals);
  const peers = Array.from({ length: count }, (_, n) => {
    const id = `p${n}`;
    return nodes.home(id).spawn(Peer, { id }, 0);
  });
  for (const [n, program] of starts.entries()) {
    nodes.tell(peers[n % count]!, 'act', { peers, program, at: 0 });
  }
  return nodes;
}

/** States, and that nothing is left. Who is spawned first has the lower number: that depends on the order. */
function endOf({ nodes, events }: SomeNodes): unknown {
  const cells = nodes.flatMap(({ world }) => [...world.cells.values()]);
  for (const { first, held, more } of cells) {
    expect([first, held, more?.waiters, more?.parked?.size ?? 0]).toEqual([
      undefined,
      undefined,
      undefined,
      0,
    ]);
    expect(more?.asks?.size ?? 0).toBe(0);
  }
  expect(nodes.map(({ world }) => world.asks.size)).toEqual(nodes.map(() => 0));
  expect(events.filter(({ kind }) => kind !== 'restarting')).toEqual([]);
  return cells
    .map(({ path, state }) => `${path.replace(/\$.*/, '')} ${JSON.stringify(state)}`)
    .sort();
}

const coded = (parts: readonly NodePart[]) =>
  parts.map((part) => decodeNodePart(encodeNodePart(part)));

/** Parts without what is new in them by intent: names of asks and runs, and on which node what stands. */
function canonical(parts: readonly NodePart[]): unknown {
  const names = new Map<string, string>();
  const runs = new Map<string, number>();
  const asks: string[] = [];
  for (const [node, { image }] of parts.entries()) {
    for (const { id, ...ask } of image.asks.asks) {
      const { asker } = ask;
      const mine = asker.kind === 'outside' ? '' : asker.ref.path;
      // In the order in which its asker has asked.
      const place = asks.filter((other) => other.startsWith(`${mine} `)).length;
      names.set(`${node}.${id}`, `${mine} ${place}`);
      const run = asker.kind === 'await' ? { ...asker, run: 0 } : asker;
      asks.push(`${mine} ${place} ${JSON.stringify({ ...ask, asker: run })}`);
    }
  }
  const label = (ask: AskAddress | undefined) => ask && names.get(`${ask.node}.${ask.id}`);
  const runOf = (path: string, run: number) => {
    if (run === 0) return 0;
    const known = runs.get(path) ?? run;
    runs.set(path, known);
    return known === run ? 'its run' : 'another run';
  };
  const letter = (path: string) => (given: { ask?: AskAddress | undefined; run: number }) => ({
    ...given,
    ask: label(given.ask),
    run: runOf(path, given.run),
  });
  const cells = parts.flatMap(({ image }, node) =>
    image.cells.map(({ more, ...cell }) => ({
      ...cell,
      letters: cell.letters?.map(letter(cell.path)),
      more: more && {
        ...more,
        waiters: more.waiters?.map((parked) => letter(cell.path)(parked.letter)),
        stash: more.stash?.map(letter(cell.path)),
        owes: more.owes?.map(label),
        asks: more.asks?.map((id) => label({ node, id })),
      },
    })),
  );
  // Per sender and receiver in order.
  const ways = new Map<string, unknown[]>();
  for (const { from, envelopes } of parts.flatMap(({ channels }) => channels)) {
    for (const envelope of envelopes) {
      const asked = 'ask' in envelope ? label(envelope.ask) : undefined;
      // Answers whose ask is settled are of no use.
      if (envelope.kind === 'answer' && asked === undefined) continue;
      const to = envelope.kind === 'message' ? envelope.to.path : asked;
      const way = ways.get(`${from} ${to}`) ?? [];
      ways.set(`${from} ${to}`, way);
      way.push({ ...envelope, ask: asked });
    }
  }
  const trees = parts.flatMap(({ image }) => image.trees);
  return {
    cells: cells.sort((a, b) => (a.path < b.path ? -1 : 1)),
    ways: [...ways].sort(),
    asks: asks.sort(),
    ready: parts.flatMap(({ image }) => image.ready).sort(),
    trees: trees
      .flatMap(({ parent, added }) => added.map((one) => JSON.stringify([parent, one])))
      .sort(),
  };
}

describe('rehome', () => {
  it('actors that go to other nodes at any moment come to the end that they would have come to', {
    timeout: 120_000,
  }, async () => {
    let moved = 0;
    let named = 0;
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const stays = begin(plan);
        await stays.end();
        const nodes = begin(plan);
        for (let at = 0; at < plan.steps && (await nodes.step()); at += 1);
        const cut = nodes.cut();
        const parts = coded(rehome(cut, plan.to, homesOf(plan.to)));
        moved += parts.flatMap(({ channels }) => channels).length;
        named += parts[0]!.image.formerAsks?.asks.length ?? 0;
        const goesOn = new SomeNodes(definitions, plan.to, { seed: plan.seed, parts });
        // And once more, from there: names of asks that are two moves old are known, too.
        for (let at = 0; at < plan.steps % 7; at += 1) await goesOn.step();
        const again = coded(rehome(goesOn.cut(), plan.from, homesOf(plan.from)));
        const back = new SomeNodes(definitions, plan.from, { seed: plan.seed, parts: again });
        await back.end();
        expect(endOf(back)).toEqual(endOf(stays));
      }),
      { numRuns: 150 },
    );
    expect(moved).toBeGreaterThan(50);
    expect(named).toBeGreaterThan(50);
  });

  it('there and back again nothing is lost, and nothing is there twice', {
    timeout: 120_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(plans, async (plan) => {
        const nodes = begin(plan);
        for (let at = 0; at < plan.steps && (await nodes.step()); at += 1);
        const parts = nodes.cut();
        const there = rehome(parts, plan.to, homesOf(plan.to));
        for (const [node, { image }] of there.entries()) {
          for (const { path } of image.cells) expect(homesOf(plan.to)(path)).toBe(node);
        }
        const back = rehome(there, plan.from, homesOf(plan.from));
        const whole = canonical(parts);
        expect(canonical(there)).toEqual(whole);
        expect(canonical(back)).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });
});

const Friend = defineActor(url, 'Friend', {
  initial: () => ({}),
  handlers: {
    stop(_state, _message: undefined, ctx) {
      ctx.stop();
    },
  },
});

it('a reference to one that has ended finds nobody, whoever has its path on another node', async () => {
  const nodes = new SomeNodes([Friend], 2, { seed: 1 });
  const [here, there] = [0, 1].map((node) =>
    ['a', ...'bcdefghijk'].filter((id) => homesOf(2)(id) === node),
  );
  const spawn = (from: SomeNodes, id: string) =>
    from.home(id).spawn(Friend, { id, restart: 'temporary' }, 0);
  // The counter of one node is ahead.
  for (const id of here!.slice(0, 3)) spawn(nodes, id);
  const old = spawn(nodes, there![0]!);
  nodes.tell(old, 'stop', undefined);
  await nodes.settle();
  const one = new SomeNodes([Friend], 1, { seed: 1, parts: rehome(nodes.cut(), 1, () => 0) });
  const two = new SomeNodes([Friend], 2, { seed: 1, parts: rehome(one.cut(), 2, homesOf(2)) });
  const anew = spawn(two, old.path);
  expect(anew.incarnation).not.toBe(old.incarnation);
  expect(two.nodes.every(({ world }) => world.lookUp(old) === undefined)).toBe(true);
});
