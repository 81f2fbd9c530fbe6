import { describe, expect, it } from 'vitest';
import { NOT_BEHIND } from '../../src/channels/element.js';
import { localChannel } from '../../src/channels/local-channel.js';
import { describeChannel } from './channel-conformance.js';

describeChannel({
  name: 'inside a thread',
  make({ batchRecordsMax }) {
    const gate = { closed: false };
    const woken = { consumer: false, producer: false };
    const { output, input } = localChannel({
      capacityRecords: 50,
      gate,
      batchRecordsMax,
      wakeConsumer: () => {
        woken.consumer = true;
      },
      wakeProducer: () => {
        woken.producer = true;
      },
    });
    return {
      output,
      input,
      gate,
      consumerSleeps: () => {
        woken.consumer = false;
      },
      producerSleeps: () => {
        woken.producer = false;
      },
      get consumerWoken() {
        return woken.consumer;
      },
      get producerWoken() {
        return woken.producer;
      },
    };
  },
});

describe('local channel', () => {
  it('hands over the very object, at once, and whatever it is', () => {
    const { output, input } = localChannel({ capacityRecords: 10, gate: { closed: false } });
    const record = { callback: () => 1 };
    output.push(record, Number.NaN, 0, NOT_BEHIND);
    expect(output.pending).toBe(false);
    expect(input.ready).toBe(true);
    const batch = input.take();
    expect(batch?.kind === 'batch' && batch.records[0]).toBe(record);
  });
});
