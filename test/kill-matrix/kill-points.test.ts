/** docs/kill-points.md tells of each point, and of no other. The matrix itself is a step of `npm test`. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { atPoint, PROTOCOL_POINTS, type ProtocolMessage } from '../../src/base/protocol-points.js';

const page = readFileSync(new URL('../../docs/kill-points.md', import.meta.url), 'utf8');

describe('points of the protocol', () => {
  test('are all on the page, in the same order', () => {
    const told = [...page.matchAll(/^\| `([a-z:-]+)` \|/gm)].map(([, name]) => name);
    expect(told).toEqual(PROTOCOL_POINTS);
    expect(PROTOCOL_POINTS.length).toBeGreaterThanOrEqual(30);
  });

  test('are told before and after, when somebody listens', async () => {
    expect(atPoint('part:read', () => 1)).toBe(1);
    const heard: string[] = [];
    const listen = (message: unknown): void => {
      const { point, when } = message as ProtocolMessage;
      heard.push(`${when} ${point}`);
    };
    subscribe('holdfast:protocol', listen);
    try {
      const read = () => heard.push('read');
      atPoint('part:read', read);
      await atPoint('part:write', async () => {
        await Promise.resolve();
        heard.push('written');
      });
      expect(heard).toEqual([
        'before part:read',
        'read',
        'after part:read',
        'before part:write',
        'written',
        'after part:write',
      ]);
      heard.length = 0;
      const fails = async () => Promise.reject(new Error('no room'));
      await expect(atPoint('part:sync', fails)).rejects.toThrow('no room');
      expect(heard).toEqual(['before part:sync']);
    } finally {
      unsubscribe('holdfast:protocol', listen);
    }
  });
});
