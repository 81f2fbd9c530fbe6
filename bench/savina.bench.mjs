/**
 * Actor benchmarks after Savina (Imam and Sarkar, 2014), in one thread, each with its result checked.
 * A benchmark that computes something wrong fails. Processor time of the process; rounds alternate, medians are compared.
 *
 * `ratio` (`inThreadRatio`) is `counting`, with a flat state, against a mailbox and a handler found by name and nothing
 * else, over as many messages. `immerPerSecond` is `counting` with immer's drafts, `spawnsPerSecond` actors spawned with a
 * first message that they handle. `actorsMb` is how much the process grows by a million sharded actors that each hold a
 * number and are at rest. `messagesPerSecond` has a figure for each benchmark of `savina/`; for those that compute more than they
 * send, `seconds` has one. Arguments are names of benchmarks; default: all. Not measured: threads, snapshots.
 */

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import v8 from 'node:v8';
import vm from 'node:vm';
import { LocalActors } from '../dist/actors/index.js';
import { countBarely } from './lib/bare-mailbox.mjs';
import { median, round } from './lib/measure.mjs';
import counting, { Counter } from './savina/counting.mjs';

const MB = 1024 ** 2;
/** A benchmark that has taken so long is not repeated. */
const ENOUGH_S = 6;
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const folder = new URL('./savina/', import.meta.url);
const all = readdirSync(folder)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => file.slice(0, -'.mjs'.length));

/** What a benchmark is given to run in. */
function stage(options) {
  const actors = new LocalActors(options);
  return {
    register: (definition) => actors.node.register(definition),
    spawn: (definition, args) => actors.spawn(definition, { args }).ref,
    tell: (ref, handler, message) => actors.node.tell(ref, handler, message, 0),
    settle: () => actors.settle(),
    async ask(ref, handler, message) {
      const answer = actors.handle(ref).ask(handler, message);
      await actors.settle();
      return await answer;
    },
  };
}

/** @returns seconds of processor time */
async function secondsOf(act) {
  const begin = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 1e6;
}

async function play(benchmark, size, options) {
  assert.deepEqual(await benchmark.run(stage(options), size), benchmark.expected(size));
}

function bare(messages) {
  assert.equal(countBarely(messages), messages);
}

async function spawnAll(count) {
  const actors = new LocalActors();
  const { node } = actors;
  for (let i = 0; i < count; i += 1) {
    node.tell(node.spawn(Counter, {}, 0), 'increment', undefined, 0);
    if (i % 1_000 === 999) while (node.run(0, 1_000));
  }
  await actors.settle();
  assert.equal(node.world.cells.size, count);
}

async function memoryOf(count) {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  collect();
  const before = process.memoryUsage().rss;
  const { node, actors, of } = shardedCounters();
  for (let i = 0; i < count; i += 1) {
    node.tell(of(`key-${i}`), 'increment', undefined, 0);
    if (i % 1_000 === 999) while (node.run(0, 1_000));
  }
  await actors.settle();
  collect();
  const grown = process.memoryUsage().rss - before;
  assert.equal(node.world.cells.size, count);
  return grown / MB;
}

function shardedCounters() {
  const actors = new LocalActors();
  return { actors, node: actors.node, of: actors.node.sharded(Counter) };
}

export default async function savina({ smoke, log, args }) {
  const unknown = args.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`no benchmark '${unknown}'; there are ${all}`);
  const names = args.length === 0 ? all : args;
  const actorsMb = round(await memoryOf(smoke ? 1_000 : 1_000_000));
  log(`1 M sharded actors: ${actorsMb} MB`);
  const rounds = smoke ? 1 : 3;
  const size = smoke ? counting.sizes.smoke : counting.sizes.full;
  const spawns = smoke ? 1_000 : 200_000;
  const ways = {
    counting: [size, () => play(counting, size)],
    bare: [size, () => bare(size)],
    immer: [size, () => play(counting, size, { drafts: 'immer' })],
    spawns: [spawns, () => spawnAll(spawns)],
  };
  const perSecond = await alternating(ways, rounds, log);
  const messagesPerSecond = {};
  const seconds = {};
  for (const name of names) {
    const { default: benchmark } = await import(new URL(`${name}.mjs`, folder));
    const own = benchmark.sizes[smoke ? 'smoke' : 'full'];
    if (!smoke) await play(benchmark, benchmark.sizes.smoke);
    const times = [];
    for (let i = 0; i < (smoke ? 1 : 3) && sum(times) < ENOUGH_S; i += 1) {
      times.push(await secondsOf(() => play(benchmark, own)));
    }
    const time = median(times);
    if (benchmark.isCpuBound) seconds[name] = round(time, 3);
    else messagesPerSecond[name] = Math.round(benchmark.messages(own) / time);
    log(`${name}: ${seconds[name] ?? messagesPerSecond[name]}`);
  }
  return {
    name: 'savina',
    value: Math.round(perSecond.counting),
    baseline: Math.round(perSecond.bare),
    ratio: round(perSecond.counting / perSecond.bare, 3),
    unit: 'messages per second of processor time',
    target: 'inThreadRatio >= 0.5, immerPerSecond >= 400 000, spawnsPerSecond >= 600 000',
    inThreadRatio: round(perSecond.counting / perSecond.bare, 3),
    immerPerSecond: Math.round(perSecond.immer),
    spawnsPerSecond: Math.round(perSecond.spawns),
    actorsMb,
    messagesPerSecond,
    seconds,
  };
}

/** @returns medians, per second of processor time */
async function alternating(ways, rounds, log) {
  const rates = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
  // The first round compiles.
  for (let i = 0; i <= rounds; i += 1) {
    for (const [way, [count, act]] of Object.entries(ways)) {
      const time = await secondsOf(act);
      if (i > 0) rates[way].push(count / time);
    }
    if (i > 0) {
      log(
        `round ${i}: ${Object.entries(rates)
          .map(([way, all]) => `${way} ${Math.round(all.at(-1))}/s`)
          .join(', ')}`,
      );
    }
  }
  return Object.fromEntries(Object.entries(rates).map(([way, all]) => [way, median(all)]));
}
