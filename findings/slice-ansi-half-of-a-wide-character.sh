#!/usr/bin/env bash
# slice-ansi 8: a slice that ends in the middle of a wide character.
# Guess: sliceAnsi(text, 0, n) is at most n columns wide; so a line is cut to a terminal's width with it.
# Fact:  a wide character is kept when its first column is inside: the slice is one column wider than asked for,
#        and the line wraps. Cut by graphemes and string-width where the width must hold.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module" }' > package.json
npm install --silent --no-audit --no-fund slice-ansi@8.0.0 string-width@8.3.0 > /dev/null
node --input-type=module <<'JS'
import sliceAnsi from 'slice-ansi';
import stringWidth from 'string-width';
const found = [1, 2, 3, 4, 5].map((columns) => stringWidth(sliceAnsi('日本語', 0, columns)));
console.log('asked for 1, 2, 3, 4, 5 columns, got', found.join(', '));
if (found.join() !== '2,2,4,4,6') process.exit(1);
JS
