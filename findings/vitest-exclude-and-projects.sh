#!/usr/bin/env bash
# vitest 4.1: `--exclude` on the command line does not reach a project that has an `exclude` of its own.
#
# Guess:  `vitest run --exclude 'slow.test.js'` leaves that file out, whichever project it belongs to; the help
#         calls it "additional file globs to be excluded from test".
# Fact:   it is added to the `exclude` of a configuration without projects, and replaces the default of a
#         project that has none; where a project has its own, it is dropped, and nothing is said.
set -euo pipefail
cd "$(mktemp -d)"
echo '{ "type": "module" }' > package.json
npm install --silent --no-save vitest@4.1.12 >/dev/null
vitest=./node_modules/vitest/vitest.mjs
node "$vitest" --version

for name in fast slow; do
  echo "import { test } from 'vitest'; test('$name', () => {});" > "$name.test.js"
done
files() { node "$vitest" list --filesOnly "$@" 2>/dev/null | grep -c 'slow' || true; }

own="include: ['*.test.js'], exclude: ['other/**']"
echo "export default { test: { $own } };" > vitest.config.js
root=$(files --exclude 'slow.test.js')
echo "export default { test: { projects: [{ test: { name: 'p', $own } }] } };" > vitest.config.js
project=$(files --exclude 'slow.test.js')
echo "slow.test.js is listed: by a configuration with an exclude $root times, by such a project $project times"
# Seen: … by a configuration with an exclude 0 times, by such a project 1 times
test "$root" = 0 && test "$project" = 1
