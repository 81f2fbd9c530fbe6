/** In which order the driver handles what it is told. */

import { expect, test } from 'vitest';
import type { HostCallbacks, HostLink } from '../../src/host/host-link.js';
import { JobDriver } from '../../src/job/driver/driver.js';
import { resolveOptions } from '../../src/job/options.js';
import { graphData } from '../../src/stream/graph/graph-builder.js';
import { ControlBlock } from '../../src/threads/control-block.js';
import { Lease } from '../../src/threads/lease.js';
import type { DeploySpec, StreamEvent, Streams } from '../../src/workloads/streams/stream-types.js';
import { draw, sink, source } from '../stream/graph-kit.js';

/** A job whose one thread does as it is told, and tells what the test has it tell. */
async function started(print: (line: string) => void = () => {}) {
  const graph = graphData(draw((env) => env.from(source()).sinkTo(sink())));
  let thread: HostCallbacks<Streams> | undefined;
  const leases: Lease[] = [];
  const link = {
    name: 'thread',
    block: new ControlBlock(),
    threadId: 1,
    dead: false,
    call: async (method: string, [given]: readonly unknown[]) => {
      if (method === 'deploy') leases.push(new Lease((given as DeploySpec).lease));
      return method === 'load' ? graph : [];
    },
    ask: async () => [],
    terminate: async () => {},
    waitedMs: () => undefined,
    utilization: () => undefined,
  };
  const driver = new JobDriver({
    options: resolveOptions({ parallelism: 1, spares: 0, print }),
    spawn: (_name, callbacks) => {
      thread = callbacks;
      queueMicrotask(() => callbacks.onEvent({ kind: 'ready', name: 'job' }));
      return link as unknown as HostLink<Streams>;
    },
    store: undefined,
    manifest: undefined,
    lastCheckpoint: 0,
    run: 'run',
    mapFailure: (failure) => failure,
  });
  await driver.start();
  const tell = (event: StreamEvent) => thread!.onEvent(event);
  const die = () => {
    link.dead = true;
    thread!.onDeath({ kind: 'thread-exit', name: 'Error', message: 'gone' });
  };
  return { driver, tell, die, leases };
}

test('what waits behind an event is handled also when the user’s print throws', async () => {
  const { driver, tell } = await started(() => {
    void driver.cancel();
    throw new RangeError('no paper');
  });
  expect(() => tell({ kind: 'print', epoch: 1, line: 'a row' })).toThrow('no paper');
  await expect(driver.finished).rejects.toMatchObject({ code: 'ERR_HOLDFAST_CANCELED' });
  expect(driver.status).toBe('canceled');
});

test('no task goes on when listeners hear that a slot has lost its thread', async () => {
  const { driver, die, leases } = await started();
  const heard: unknown[] = [];
  driver.events.on('slot', ({ verdict }) => heard.push([verdict, leases[0]!.epoch]));
  expect(leases[0]!.epoch).toBe(1);
  die();
  expect(heard).toEqual([['dead', 0]]);
  await driver.cancel();
});
