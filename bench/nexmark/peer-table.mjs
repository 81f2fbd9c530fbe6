/** What `--peer flink --json` has told, as the table of bench/README.md. */

export const HEAD = [
  '| query | API of Flink | Flink | Holdfast | ratio | least | most |',
  '|---|---|---:|---:|---:|---:|---:|',
];

const SQL_CANNOT = 'q6 cannot be said in Flink’s SQL; q10 and q13 have no counterpart.';

/**
 * @param {string} text lines of JSON: first what was compared where, then a line for each query and API
 * @returns {string} Markdown
 * @throws Error when it is something else
 */
export function peerTable(text) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const [about, ...rows] = lines.map(parsed);
  if (about?.peer !== 'flink' || rows.some(({ query, api }) => !query || !api)) {
    throw new Error('these are no figures of `npm run nexmark -- --peer flink --json`');
  }
  const { machine, node, date, commit, version, events, parallelism, rounds } = about;
  return [
    `${date}, commit ${commit}, Flink ${version}, Node ${node}, ${machine}. ${million(events)} events, ` +
      `parallelism ${parallelism}, ${rounds} rounds in turns. Thousands of events per second of processor time.`,
    '',
    ...HEAD,
    ...rows.map(
      ({ query, api, flink, holdfast, perCpuSecond, from, to }) =>
        `| ${[query, api === 'sql' ? 'SQL' : 'DataStream', flink, holdfast, ...[perCpuSecond, from, to].map(times)].join(' | ')} |`,
    ),
    '',
    SQL_CANNOT,
    '',
  ].join('\n');
}

const times = (ratio) => ratio.toFixed(2);
const million = (events) => (events % 1e6 === 0 ? `${events / 1e6} million` : String(events));

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`this is no line of JSON: ${line.slice(0, 80)}`);
  }
}
