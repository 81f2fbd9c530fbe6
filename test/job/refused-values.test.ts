import { describe, expect, it } from 'vitest';
import { run, runInline } from '../../dist/index.js';
import job, { places, refusedValues } from './fixtures/refused.job.js';
import { fixture } from './kit.js';

/** Rejects with the failure that ends the job. */
type End = (args: Record<string, string>) => Promise<unknown>;
const threads =
  (parallelism: number): End =>
  async (args) => {
    const started = await run(fixture('refused'), { parallelism, spares: 0, args });
    return await started.finished;
  };
const ends: readonly (readonly [string, End])[] = [
  ['inline', (args) => runInline(job, { args })],
  ['parallelism 1', threads(1)],
  ['parallelism 2', threads(2)],
];

describe('what would not come back equal is refused at the first record', () => {
  for (const [place] of Object.entries(places)) {
    for (const [where, end] of ends) {
      it(`${place}, ${where}`, async () => {
        // With threads a few of them: each job takes its time.
        const all = Object.entries(refusedValues);
        const some = where === 'inline' ? all : all.filter((_, i) => i % 4 === 0);
        for (const [what, [, path]] of some) {
          const error = await end({ place, what }).then(
            () => new Error(`${what} passed`),
            (reason: unknown) => reason as Error & { code?: string },
          );
          expect(error, what).toHaveProperty(
            'code',
            expect.stringMatching(/UNTRANSFERABLE|UNSUPPORTED/),
          );
          expect(error.message, what).toContain(path);
          const { position } = (error as unknown as { details: { position: unknown } }).details;
          expect(String(position), what).toMatch(/^(index 0|record [1-4])$/);
        }
      });
    }
  }
});
