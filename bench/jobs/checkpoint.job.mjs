import { PerformanceObserver } from 'node:perf_hooks';
import { aggregation, count, defineJob, discard, generate, sum } from 'holdfast';

/**
 * Writes over `keys` string keys in all: each key once, then uniformly over `writtenShare` of them, which
 * lie scattered among the others. `gaps` is shared: one Float64 per thread, the
 * longest time in ms between two looks at the clock (every 32 records) since it was last reset. `pauses`
 * is the same for the longest pause of the thread's garbage collector.
 */
export default defineJob('checkpoint', (env, args) => {
  const keys = Number(args.keys);
  const apart = Math.round(1 / Number(args.writtenShare));
  const written = Math.floor(keys / apart);
  const keyOf = (i) => (i < keys ? i : ((Math.imul(i, 0x9e3779b1) >>> 0) % written) * apart);
  const gaps = new Float64Array(args.gaps);
  let lane = -1;
  let last = 0;
  let seen = 0;
  const pauses = new Float64Array(args.pauses);
  new PerformanceObserver((list) => {
    if (lane < 0) return;
    for (const { duration } of list.getEntries()) {
      if (duration > pauses[lane]) pauses[lane] = duration;
    }
  }).observe({ entryTypes: ['gc'] });
  const watched = env
    .from(
      generate(
        (i) => ({
          key: `customer-${keyOf(i)}`,
          value: i % 1_000,
        }),
        { splits: 2 },
      ),
    )
    .keyBy((record) => record.key)
    .aggregate(
      args.values === 'objects'
        ? {
            seen: aggregation({
              initial: () => ({ count: 0, total: 0 }),
              add: (state, record) => ({
                count: state.count + 1,
                total: state.total + record.value,
              }),
              result: (state) => state.total,
            }),
          }
        : { records: count(), total: sum((record) => record.value) },
    );
  watched
    .filter(() => {
      seen += 1;
      if ((seen & 31) === 0) {
        const now = performance.now();
        if (lane < 0) lane = Atomics.add(new Int32Array(args.lanes), 0, 1) % gaps.length;
        else if (now - last > gaps[lane]) gaps[lane] = now - last;
        last = now;
      }
      return true;
    })
    .sinkTo(discard());
});
