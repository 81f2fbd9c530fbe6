/** A host of what is no stream: actors that write down what they are told. */

import { expect, test } from 'vitest';
import { Cell } from '../../src/actors/cell.js';
import { Host } from '../../src/host/host.js';
import type {
  Deployment,
  RegionSpec,
  Stage,
  Workload,
  WorkloadTypes,
} from '../../src/host/workload.js';
import { ControlBlock } from '../../src/threads/control-block.js';

interface Notes extends WorkloadTypes {
  readonly loaded: { readonly hash: string };
  readonly spec: RegionSpec;
  readonly base: string;
  readonly metrics: number;
  readonly event: { readonly kind: 'note'; readonly epoch: number; readonly text: string };
  readonly calls: {
    readonly add: { readonly args: readonly [a: number, b: number]; readonly answer: number };
  };
}

class NotesDeployment implements Deployment<Notes> {
  readonly log: string[] = [];
  readonly cells: readonly Cell<string, number>[];
  readonly stage: Stage<Notes>;
  read = 0;

  constructor(spec: RegionSpec, stage: Stage<Notes>) {
    this.stage = stage;
    const { epoch } = spec;
    this.cells = ['one', 'two'].map((path) => {
      const behaviour = {
        receive: (message: string): number => {
          if (message === 'break') throw new Error(`${path} is broken`);
          this.log.push(`${path} ${message}`);
          this.read += 1;
          return this.read;
        },
        close: async () => {
          this.log.push(`${path} closed`);
        },
      };
      return new Cell<string, number>({
        address: { path, incarnation: epoch },
        behaviour,
        // An output is full: there is work, and none of it can be done.
        work: { runnable: false, run: () => false, flushDue: () => undefined },
        surroundings: {
          wake: stage.wake,
          failed: (_, { message }) => {
            stage.report({ kind: 'note', epoch, text: message });
            stage.failed();
          },
          deadLetter: (address, message) => this.log.push(`dead: ${address.path} ${message}`),
        },
      });
    });
  }

  async open(isCurrent: () => boolean): Promise<void> {
    this.log.push('open');
    if (!isCurrent()) await this.close();
  }

  trigger(checkpoint: number, base: string | undefined): void {
    this.tell(`trigger ${checkpoint} on ${base}`);
  }

  abort(checkpoint: number): void {
    this.tell(`abort ${checkpoint}`);
  }

  async committed(checkpoint: number): Promise<void> {
    await Promise.all(this.cells.map((cell) => cell.ask(`committed ${checkpoint}`)));
  }

  async metrics(): Promise<readonly number[]> {
    return [this.read];
  }

  tell(message: string): void {
    for (const cell of this.cells) cell.tell(message);
  }

  async close(): Promise<void> {
    await Promise.all(this.cells.map((cell) => cell.stop()));
  }
}

function hostOfNotes() {
  const deployed: NotesDeployment[] = [];
  const events: Notes['event'][] = [];
  let loads = 0;
  const workload: Workload<Notes> = {
    async load(args) {
      loads += 1;
      if (args['bad'] === true) throw new TypeError('bad arguments');
      return { hash: `loaded ${loads}` };
    },
    deploy(spec, stage) {
      const deployment = new NotesDeployment(spec, stage);
      deployed.push(deployment);
      return deployment;
    },
    calls: { add: async (a, b) => ({ ok: true, value: a + b }) },
  };
  const block = new ControlBlock();
  const sleeper = { arm: () => {}, cancel: () => {}, onWake: () => {} };
  const host = new Host<Notes>({ workload, block, sleeper, emit: (event) => events.push(event) });
  return { host, deployed, events, block };
}

const OK = { ok: true, value: undefined };
const spec = (region: number, epoch: number): RegionSpec => ({ region, slot: 0, epoch });
/** The host has had its turns. */
const turned = async (): Promise<void> => {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

test('loads, and answers calls that only its workload has', async () => {
  const { host } = hostOfNotes();
  expect(await host.load({})).toEqual({ ok: true, value: { hash: 'loaded 1' } });
  expect(await host.load({ bad: true })).toMatchObject({
    ok: false,
    failure: { kind: 'build', name: 'TypeError', message: 'bad arguments' },
  });
  expect(await host.ask('add', [2, 3])).toEqual({ ok: true, value: 5 });
});

test('a trigger between deploy and start is kept, and read first', async () => {
  const { host, deployed, block } = hostOfNotes();
  await host.deploy(spec(0, 4));
  expect(block.phase).toBe('restoring');
  expect(await host.trigger([4], 1, 'base')).toEqual(OK);
  await turned();
  expect(deployed[0]!.log).toEqual(['open']);
  await host.start(4);
  await turned();
  expect(block.phase).toBe('running');
  expect(deployed[0]!.log.slice(1).sort()).toEqual([
    'one trigger 1 on base',
    'two trigger 1 on base',
  ]);
});

test('is told of a commit until all actors have read of it, also those that have no room', async () => {
  const { host, deployed } = hostOfNotes();
  await host.deploy(spec(0, 4));
  await host.start(4);
  await host.abort([4], 7);
  expect(await host.committed([4], 8)).toEqual(OK);
  const { log } = deployed[0]!;
  expect(log.filter((line) => line.startsWith('one'))).toEqual(['one abort 7', 'one committed 8']);
  expect(log.filter((line) => line.startsWith('two'))).toEqual(['two abort 7', 'two committed 8']);
  expect(await host.metrics()).toEqual({ ok: true, value: [4] });
});

test('what is for another epoch is answered, and reaches nobody', async () => {
  const { host, deployed } = hostOfNotes();
  await host.deploy(spec(0, 4));
  await host.start(4);
  expect(await host.trigger([3, 5], 1, undefined)).toEqual(OK);
  expect(await host.committed([3], 1)).toEqual(OK);
  await turned();
  expect(deployed[0]!.log).toEqual(['open']);
});

test('a failed actor takes those of its region out of service, tells once, and lets nobody wait', async () => {
  const { host, deployed, events } = hostOfNotes();
  await host.deploy(spec(0, 4));
  await host.deploy(spec(1, 5));
  await host.start(4);
  await host.start(5);
  const [failed, other] = deployed;
  failed!.cells[0]!.tell('break');
  const heard = host.committed([4, 5], 9);
  expect(await heard).toEqual(OK);
  expect(events).toEqual([{ kind: 'note', epoch: 4, text: 'one is broken' }]);
  expect(failed!.cells.map(({ life }) => life)).toEqual(['failed', 'stopping']);
  // The other region has heard of it, and goes on.
  expect(other!.log.slice(1).sort()).toEqual(['one committed 9', 'two committed 9']);
  failed!.stage.report({ kind: 'note', epoch: 4, text: 'late' }); // H1
  await host.trigger([4, 5], 10, undefined);
  await turned();
  expect(failed!.log.filter((line) => line.includes('10'))).toEqual([]);
  expect(other!.log.filter((line) => line.includes('10'))).toHaveLength(2);
  expect(events).toHaveLength(1);
});

test('a fence ends what waits, closes one region, and answers when that is done', async () => {
  const { host, deployed, block } = hostOfNotes();
  await host.deploy(spec(0, 4));
  await host.deploy(spec(1, 5));
  await host.start(5);
  // Region 0 was never started: nobody would read this.
  const heard = host.committed([4], 1);
  expect(await host.fence(0)).toEqual(OK);
  expect(await heard).toEqual(OK);
  expect(deployed[0]!.log).toEqual(['open', 'one closed', 'two closed']);
  deployed[0]!.tell('too late');
  expect(deployed[0]!.log.slice(3)).toEqual(['dead: one too late', 'dead: two too late']);
  expect(deployed[1]!.cells.map(({ life }) => life)).toEqual(['running', 'running']);
  expect(block.phase).not.toBe('idle');
  await host.shutdown();
  expect(block.phase).toBe('idle');
});

test('a region that is deployed again is another, and has nothing of the one before (H3)', async () => {
  const { host, deployed } = hostOfNotes();
  await host.deploy(spec(0, 4));
  await host.start(4);
  await host.deploy(spec(0, 6));
  expect(deployed[0]!.cells.map(({ life }) => life)).toEqual(['stopped', 'stopped']);
  expect(await host.start(4)).toEqual(OK);
  expect(deployed[1]!.cells.map(({ life }) => life)).toEqual(['starting', 'starting']);
  await host.start(6);
  expect(deployed[1]!.cells.map(({ life }) => life)).toEqual(['running', 'running']);
  await host.shutdown();
});

test('what a deployment throws is its answer', async () => {
  const { host, deployed } = hostOfNotes();
  await host.deploy(spec(0, 4));
  deployed[0]!.committed = async () => {
    throw new TypeError('no');
  };
  expect(await host.committed([4], 1)).toMatchObject({
    ok: false,
    failure: { name: 'TypeError', message: 'no' },
  });
});
