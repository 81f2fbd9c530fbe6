/** Makes the runtime script of a built package: node scripts/lib/build-runtime.mjs DIST */

import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const dist = resolve(process.argv[2]);
const at = (path) => join(dist, path);
const { buildRuntime } = await import(pathToFileURL(at('module/runtime-bundle.js')).href);
const { ownRuntimeScript } = await import(pathToFileURL(at('module/runtime-index.js')).href);
await buildRuntime({ dist, host: at('workloads/worker-main.js'), script: ownRuntimeScript(dist) });
