import { afterEach, beforeEach, vi } from 'vitest';

/**
 * Time stands still within a step, so that all that happens follows from the seed: for the tests of the file, or of the
 * `describe`, that calls this. What comes back lets some ms of it pass.
 */
export function stillTime(): (ms?: number) => void {
  let now = 0;
  beforeEach(() => {
    now = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  return (ms = 0.25) => {
    now += ms;
  };
}
