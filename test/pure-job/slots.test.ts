import { expect, test } from 'vitest';
import type { HostLink } from '../../src/job/host-link.js';
import { resolveOptions } from '../../src/job/options.js';
import { Slots } from '../../src/job/slots.js';
import { graphData } from '../../src/stream/graph-builder.js';
import { ControlBlock } from '../../src/threads/control-block.js';
import { draw, sink, source } from '../stream/graph-kit.js';

test('who commits is one of the slots that were named, a living one if there is one', async () => {
  const graph = graphData(draw((env) => env.from(source()).sinkTo(sink())));
  const links: { dead: boolean }[] = [];
  const slots = new Slots({
    options: resolveOptions({ parallelism: 3, spares: 0 }),
    spawn: (_name, callbacks) => {
      const link = {
        block: new ControlBlock(),
        threadId: links.length,
        dead: false,
        call: async () => graph,
        terminate: async () => {},
        waitedMs: () => undefined,
        utilization: () => undefined,
      };
      links.push(link);
      queueMicrotask(() => callbacks.onEvent({ kind: 'ready', job: 'job' }));
      return link as unknown as HostLink;
    },
    onEvent: () => {},
    onFailure: () => {},
    onChange: () => {},
    onBeat: () => {},
  });
  await slots.open();
  // Slot 0 has no tasks: nobody would restart for its death.
  expect(slots.anyLink([1, 2])).toBe(links[1]);
  links[1]!.dead = true;
  expect(slots.anyLink([1, 2])).toBe(links[2]);
  links[2]!.dead = true;
  expect(slots.anyLink([1, 2])).toBe(links[1]);
  await slots.close(false);
});
