import {
  count,
  defineJob,
  discard,
  generate,
  minutes,
  seconds,
  session,
  sum,
  tumbling,
} from 'holdfast';

const USERS = 10_000;

/** A user comes every 10 s on average, so one time in twenty a gap of 30 s follows. */
function visit(i) {
  const mixed = Math.imul(i ^ (i >>> 15), 0x2c1b3c6d) >>> 0;
  return { user: (mixed >>> 4) % USERS, time: 1_700_000_000_000 + i, amount: mixed & 63 };
}

export default defineJob('sessions', (env, { windows }) => {
  env
    .from(generate(visit, { splits: 2 }))
    .withTimestamps(({ time }) => time)
    .keyBy(({ user }) => user)
    .window(windows === 'sessions' ? session({ gapMs: seconds(30) }) : tumbling(minutes(4)))
    .aggregate({ visits: count(), amount: sum(({ amount }) => amount) })
    .sinkTo(discard());
});
