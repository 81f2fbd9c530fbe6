/**
 * Nexmark: compares queries with an oracle, measures them, or runs them beside a peer.
 *
 *   npm run nexmark -- --verify [--queries q0,q1] [--events N] [--parallelism 1,2,3] [--seed S] [--no-faults]
 *   npm run nexmark -- [--queries q0,q1] [--events N] [--parallelism P] [--seed S] [--no-hash] [--json]
 *   npm run nexmark -- --peer flink [--queries q0,q1] [--events N] [--parallelism P] [--rounds N] [--json]
 *   npm run nexmark -- --markdown FILE
 *
 * `--verify` prints a line for each check, then `N passed, N failed`, and exits with 1 if any has failed.
 * `--no-faults` leaves out kills and rescales, which take some 20 s a query. A measurement prints a table
 * for each query, or with `--json` a line of JSON. Beside a peer (peer.mjs) each query runs `--rounds` times in turns;
 * it exits with 3 where that peer cannot be had. `--markdown` makes of what `--peer flink --json` has printed into a file the
 * table of bench/README.md.
 */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measure } from './measure.mjs';
import { beside, PeerMissing } from './peer.mjs';
import { peerTable } from './peer-table.mjs';
import { QUERIES } from './queries/index.mjs';
import { verify } from './verify.mjs';

const print = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr); // What a job prints is no result.

const command = commandOf(process.argv.slice(2));
if (typeof command === 'string') {
  process.stderr.write(`${command}\n`);
  finish(2);
} else if (command.markdown !== undefined) {
  try {
    print(peerTable(readFileSync(command.markdown, 'utf8')));
    finish(0);
  } catch (error) {
    process.stderr.write(`${command.markdown}: ${error.message}\n`);
    finish(1);
  }
} else if (command.verify) {
  const { passed, failed } = await verify({ ...command, log: (line) => print(`${line}\n`) });
  print(`${passed} passed, ${failed} failed\n`);
  finish(failed === 0 ? 0 : 1);
} else if (command.peer) {
  try {
    const rows = await beside({
      ...command,
      parallelism: command.parallelisms[0],
      log: (line) =>
        (command.json ? print : process.stderr.write.bind(process.stderr))(`${line}\n`),
      note: (line) => process.stderr.write(`${line}\n`),
    });
    if (!command.json) print(columns(rows));
    finish(0);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    finish(error instanceof PeerMissing ? 3 : 1);
  }
} else {
  for (const query of command.queries) {
    for (const parallelism of command.parallelisms) {
      const figures = await measure({ ...command, query, parallelism });
      print(command.json ? `${JSON.stringify(figures)}\n` : table(figures));
    }
  }
  finish(0);
}

/** @returns the command, or what is wrong with the words */
function commandOf(words) {
  try {
    const { values } = parseArgs({
      args: words,
      options: {
        verify: { type: 'boolean', default: false },
        'no-faults': { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        'no-hash': { type: 'boolean', default: false },
        peer: { type: 'string' },
        markdown: { type: 'string' },
        rounds: { type: 'string', default: '3' },
        queries: { type: 'string', default: Object.keys(QUERIES).join(',') },
        events: { type: 'string' },
        parallelism: { type: 'string' },
        seed: { type: 'string', default: '0' },
      },
    });
    const { verify, peer, markdown } = values;
    if (peer !== undefined && peer !== 'flink') return `there is no peer '${peer}', but flink`;
    const queries = values.queries.split(',');
    const unknown = queries.find((name) => !Object.hasOwn(QUERIES, name));
    if (unknown !== undefined) {
      return `there is no query '${unknown}', but ${Object.keys(QUERIES).join(', ')}`;
    }
    return {
      verify,
      queries,
      json: values.json,
      hashed: !values['no-hash'],
      peer,
      markdown,
      rounds: whole('rounds', values.rounds, 1, 100),
      faults: !values['no-faults'],
      events: whole('events', values.events ?? (verify ? '20000' : '1000000'), 1, 1e12),
      parallelisms: (values.parallelism ?? (verify ? '1,2,3' : '2'))
        .split(',')
        .map((word) => whole('parallelism', word, 1, 256)),
      seed: whole('seed', values.seed, 0, 2 ** 32 - 1),
    };
  } catch (error) {
    return error.message;
  }
}

function whole(name, word, least, most) {
  const value = Number(word);
  if (/^\d+$/.test(word) && value >= least && value <= most) return value;
  throw new RangeError(`--${name} must be a whole number from ${least} to ${most}, not '${word}'`);
}

/** Rows of equal fields, as columns. */
function columns(rows) {
  if (rows.length === 0) return 'no such query has a peer\n';
  const names = Object.keys(rows[0]);
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name])))];
  const widths = names.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  const text = lines.map((line) => line.map((word, i) => word.padStart(widths[i])).join('  '));
  return `${text.join('\n')}\n`;
}

function table(figures) {
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  const shown = (value) => {
    if (typeof value === 'number') return value.toLocaleString('en-US');
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  const rows = Object.entries(figures).map(([name, value]) => [name.padEnd(width), shown(value)]);
  return `${rows.map((row) => row.join('  ')).join('\n')}\n\n`;
}

/** Leaves at once: a handle that a library forgot must not keep the process. */
function finish(code) {
  print('', () => process.exit(code));
}
