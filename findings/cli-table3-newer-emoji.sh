#!/usr/bin/env bash
# cli-table3 0.6.5: columns with emoji of the last years.
# Guess: a table library that depends on string-width pads cells by what a terminal shows.
# Fact:  it depends on string-width 4, whose list of emoji ends before Unicode 14: a newer one counts as one
#        column, a pair of people with skin tones as several, and the right border is out of line.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund cli-table3@0.6.5 string-width@8.3.0 > /dev/null
node --input-type=module <<'JS'
import Table from 'cli-table3';
import stringWidth from 'string-width';
const table = new Table({ style: { head: [], border: [] } });
for (const cell of ['plain', '日本語', '🇩🇪', '🫠', '🪿']) table.push([cell, '|']);
const widths = table.toString().split('\n').filter((line) => line.includes('|')).map((line) => stringWidth(line));
console.log('widths of the rows of one table:', widths.join(', '));
if (new Set(widths).size !== 2) process.exit(1);
JS
