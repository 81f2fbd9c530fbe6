/** What open asks and runs of async handlers are called once their actors have other homes. */

import type { AskAddress } from '../actor-context.js';
import type { Asker, AskImage } from '../node/ask-table.js';
import { type FormerAsk, type FormerAsksImage, nameOf } from '../node/former-asks.js';
import type { NodeImage } from '../node/node-image.js';
import { OUTSIDE } from '../placement.js';

interface Table {
  lastId: number;
  lastRun: number;
  readonly asks: AskImage[];
}

export class MovedAsks {
  readonly former: FormerAsksImage;
  readonly #tables: readonly Table[];
  /** By former name. */
  readonly #names = new Map<string, AskAddress>();
  /** By former node and number. */
  readonly #runs = new Map<string, number>();

  constructor(images: readonly NodeImage[], nodes: number, homeOf: (path: string) => number) {
    const before = Math.max(...images.map(({ asks }) => asks.lastId));
    this.#tables = Array.from({ length: nodes }, () => ({ lastId: before, lastRun: 0, asks: [] }));
    const moved: FormerAsk[] = [];
    for (const [at, { asks }] of images.entries()) {
      for (const ask of asks.asks) {
        const { asker, to, dueMs } = ask;
        const node = homeOf(asker.kind === 'outside' ? to.path : asker.ref.path);
        const id = this.#add(node, ask, this.#asker(asker, at, node));
        const name = { node: at, id: ask.id };
        this.#names.set(nameOf(name), { node, id });
        moved.push({ name, now: { node, id }, dueMs });
      }
    }
    // Those that have moved before have one name more.
    for (const { name, now, dueMs } of images.flatMap(({ formerAsks }) => formerAsks?.asks ?? [])) {
      const found = this.#names.get(nameOf(now));
      if (found === undefined || this.#names.has(nameOf(name))) continue;
      this.#names.set(nameOf(name), found);
      moved.push({ name, now: found, dueMs });
    }
    this.former = { before, asks: moved };
  }

  /** Of one node, as its image has it. */
  table(node: number): NodeImage['asks'] {
    const { lastId, asks } = this.#tables[node]!;
    return { lastId, asks };
  }

  lastRun(node: number): number {
    return this.#tables[node]!.lastRun;
  }

  /** Its name now; undefined: nobody waits for the answer any more. */
  open(ask: AskAddress): AskAddress | undefined {
    return ask.node === OUTSIDE ? ask : this.#names.get(nameOf(ask));
  }

  /** Its name now; that of before when nobody waits for the answer any more. */
  name(ask: AskAddress): AskAddress {
    return this.open(ask) ?? ask;
  }

  /** @param at node of before @param node home now, which is the same for all that has to do with the run */
  run(at: number, node: number, run: number): number {
    if (run === 0) return 0;
    const name = `${at}.${run}`;
    let known = this.#runs.get(name);
    if (known === undefined) {
      const table = this.#tables[node]!;
      table.lastRun += 1;
      known = table.lastRun;
      this.#runs.set(name, known);
    }
    return known;
  }

  #asker(asker: Asker, at: number, node: number): Asker {
    if (asker.kind !== 'await') return asker;
    return { ...asker, run: this.run(at, node, asker.run) };
  }

  #add(node: number, ask: AskImage, asker: Asker): number {
    const table = this.#tables[node]!;
    table.lastId += 1;
    table.asks.push({ ...ask, id: table.lastId, asker });
    return table.lastId;
  }
}
