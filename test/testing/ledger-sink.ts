/** A two-phase sink into memory that outlives its "processes", and the mistakes one can make in it. */

import type { Sink, SinkTransaction, SinkWriter } from '../../src/stream/sink.js';

export interface Row {
  readonly id: number;
}

/** The far side: staged batches by name, and what everybody sees. */
export class Ledger {
  readonly staged = new Map<string, readonly Row[]>();
  readonly shown: Row[] = [];

  reset(): void {
    this.staged.clear();
    this.shown.length = 0;
  }
}

export type Mistake =
  | 'publishes in prepare'
  | 'cuts when it has staged'
  | 'loses rows on abort'
  | 'publishes again with every commit'
  | 'knows what it has committed in memory only'
  | 'stages in memory'
  | 'fails when a transaction was committed before'
  | 'publishes what it finds staged when it opens'
  | 'publishes everything staged with a commit'
  | 'publishes in reverse'
  | 'repeats rows when it hears of an abort again'
  | 'has a Map in its transactions'
  | 'has the rows in its transactions'
  | 'names batches without the instance'
  | 'names batches without the epoch'
  | 'publishes when it closes'
  | 'drops what it has prepared when it closes'
  | 'is full for ever'
  | 'closes once only'
  | 'forgets rows on any abort'
  | 'publishes first and forgets the batch later'
  | 'keeps the newest batch only'
  | 'knows the newest cut only'
  | 'ends a commit at the first batch that is gone'
  | 'repeats the last batch when there is nothing new'
  | 'notes a cut when it has been staged'
  | 'writes asynchronously'
  | 'never ends a prepare'
  | 'opens without a writer';

const soon = () => new Promise<void>((resolve) => setImmediate(resolve));

export function ledgerSink(ledger: Ledger, mistake?: Mistake): Sink<Row> {
  const is = (candidate: Mistake): boolean => mistake === candidate;
  const staged = is('stages in memory') ? new Map<string, readonly Row[]>() : ledger.staged;
  const done = new Set<string>();

  return {
    kind: 'ledger',
    async open({ epoch, instance, incarnation }) {
      if (is('opens without a writer')) return undefined as unknown as SinkWriter<Row>;
      for (const [name, batch] of staged) {
        if (Number(name.split('.')[0]) >= epoch) continue;
        if (is('publishes what it finds staged when it opens')) ledger.shown.push(...batch);
        if (is('publishes everything staged with a commit')) continue;
        if (!is('publishes again with every commit')) staged.delete(name);
      }
      let rows: Row[] = [];
      let last: readonly Row[] = [];
      let closed = false;
      const cuts: { checkpoint: number; name: string; rows: readonly Row[] }[] = [];
      const nameOf = (checkpoint: number): string => {
        const who = is('names batches without the instance') ? 'any' : `${instance}.${incarnation}`;
        if (is('names batches without the epoch')) return `9999.${checkpoint}.${instance}`;
        return `${epoch}.${checkpoint}.${who}`;
      };
      return {
        write(row) {
          rows.push(row);
          if (is('writes asynchronously')) return soon() as unknown as undefined;
          return undefined;
        },
        get full() {
          return is('is full for ever') && rows.length > 1_000;
        },
        async prepare(checkpoint) {
          if (is('never ends a prepare')) return await new Promise(() => {});
          if (is('cuts when it has staged')) await soon();
          let taken: readonly Row[] = rows;
          rows = [];
          if (is('repeats the last batch when there is nothing new') && taken.length === 0) {
            taken = last;
          }
          last = taken;
          if (taken.length === 0) return undefined;
          const name = nameOf(checkpoint);
          const cut = { checkpoint, name, rows: taken };
          if (is('knows the newest cut only')) cuts.length = 0;
          const isNotedLate = is('notes a cut when it has been staged');
          if (!isNotedLate) cuts.push(cut);
          await soon();
          if (isNotedLate) cuts.push(cut);
          if (is('keeps the newest batch only')) staged.clear();
          staged.set(name, taken);
          if (is('publishes in prepare')) ledger.shown.push(...taken);
          if (is('has a Map in its transactions')) return { transaction: { names: new Map() } };
          if (is('has the rows in its transactions')) return { transaction: { name, taken } };
          return { transaction: { name } };
        },
        abort(checkpoint) {
          if (is('forgets rows on any abort')) rows = [];
          const cut = cuts.find((candidate) => candidate.checkpoint === checkpoint);
          if (cut === undefined) return;
          if (!is('repeats rows when it hears of an abort again'))
            cuts.splice(cuts.indexOf(cut), 1);
          if (!is('loses rows on abort')) rows = [...cut.rows, ...rows];
          staged.delete(cut.name);
        },
        close() {
          if (is('closes once only') && closed) throw new Error('closed already');
          closed = true;
          if (is('publishes when it closes')) ledger.shown.push(...rows);
          if (is('drops what it has prepared when it closes')) staged.clear();
        },
      };
    },
    async commit(_checkpoint, transactions: readonly SinkTransaction[]) {
      if (is('publishes everything staged with a commit')) {
        for (const [name, batch] of staged) {
          ledger.shown.push(...batch);
          staged.delete(name);
        }
        return;
      }
      for (const transaction of transactions) {
        const name = String(transaction['name']);
        await soon();
        const batch = staged.get(name);
        if (batch === undefined) {
          if (is('fails when a transaction was committed before')) throw new Error(`no ${name}`);
          if (is('ends a commit at the first batch that is gone')) return;
          continue;
        }
        if (is('knows what it has committed in memory only')) {
          if (done.has(name)) continue;
          done.add(name);
          ledger.shown.push(...batch);
          continue;
        }
        const reverse = is('publishes in reverse');
        ledger.shown.push(...(reverse ? [...batch].reverse() : batch));
        if (is('publishes first and forgets the batch later')) await soon();
        if (!is('publishes again with every commit')) staged.delete(name);
      }
    },
  };
}

/** Rows as state, as `collect` has them; `isSelfish`: it takes no other instance's state. */
export function rowsAsState(isSelfish: boolean): Sink<Row> {
  return {
    kind: 'rowsAsState',
    collectName: 'rows',
    open({ instance, restored }) {
      const own = restored.filter((one) => !isSelfish || one.instance === instance);
      const all = own.flatMap(({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)) as Row[]);
      const restoredRows = [...all];
      let fresh: Row[] = [];
      let cuts: { checkpoint: number; rows: readonly Row[] }[] = [];
      return {
        write(row) {
          all.push(row);
          fresh.push(row);
        },
        prepare(checkpoint) {
          const visible = fresh;
          fresh = [];
          cuts.push({ checkpoint, rows: visible });
          return { visible, state: [new TextEncoder().encode(JSON.stringify(all))] };
        },
        abort(checkpoint) {
          const cut = cuts.find((one) => one.checkpoint === checkpoint);
          cuts = cuts.filter((one) => one !== cut);
          fresh = [...(cut?.rows ?? []), ...fresh];
        },
        visible: () => restoredRows,
        close() {},
      };
    },
  };
}

export type LooseMistake = 'delivers when it closes' | 'loses rows on abort' | 'forgets a row';

/** At least once: rows are sent in batches, with every checkpoint. */
export function looseSink(shown: Row[], mistake?: LooseMistake): Sink<Row> {
  return {
    kind: 'loose',
    open({ epoch }) {
      let rows: Row[] = [];
      const givenUp = new Set<number>();
      return {
        write(row) {
          if (mistake === 'forgets a row' && epoch === 2 && row.id === 2) return;
          rows.push(row);
        },
        async prepare(checkpoint) {
          if (mistake === 'delivers when it closes') return;
          const batch = rows;
          rows = [];
          await soon();
          if (mistake === 'loses rows on abort' && givenUp.has(checkpoint)) return;
          shown.push(...batch);
        },
        abort(checkpoint) {
          givenUp.add(checkpoint);
        },
        close() {
          shown.push(...rows);
          rows = [];
        },
      };
    },
  };
}
