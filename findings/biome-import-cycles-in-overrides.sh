#!/usr/bin/env bash
# Biome 2.5.15: a rule that needs the whole project finds nothing when only `overrides` enables it.
#
# Guess:  "overrides": [{ "includes": ["src/**"], … "noImportCycles": "error" }] finds circles in src, as
#         every other rule in an override finds what it looks for.
# Fact:   the project is scanned only when a rule at the top of the configuration asks for it. In the override
#         alone the rule is accepted and says nothing: the check is green, with a circle in src.
set -euo pipefail
cd "$(mktemp -d)"
npm install --silent --no-save --prefix . @biomejs/biome@2.5.15 >/dev/null
biome=./node_modules/@biomejs/biome/bin/biome
node "$biome" --version

mkdir src
echo "import { b } from './b.js'; export const a = () => b;" > src/a.js
echo "import { a } from './a.js'; export const b = () => a;" > src/b.js
rule='"linter": { "rules": { "preset": "none", "suspicious": { "noImportCycles": "error" } } }'

circles() {
  node "$biome" lint src --reporter=json --max-diagnostics=none 2>/dev/null |
    node -e 'let t = ""; process.stdin.on("data", (d) => (t += d)).on("end", () => console.log(JSON.parse(t).diagnostics.filter((d) => d.category === "lint/suspicious/noImportCycles").length));'
}
echo "{ $rule }" > biome.json
top=$(circles || true)
echo "{ \"overrides\": [{ \"includes\": [\"src/**\"], $rule }] }" > biome.json
override=$(circles || true)
echo "at the top: $top found; in an override: $override found"
# Seen: at the top: 2 found; in an override: 0 found
test "$top" = 2 && test "$override" = 0
