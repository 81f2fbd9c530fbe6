/** Sources and sinks. `parquetFile` has an entry point of its own: `holdfast/parquet`. */

export { collect } from './collect.js';
export { discard } from './discard.js';
export { fromCollection } from './from-collection.js';
export { type GenerateOptions, generate } from './generate.js';
export { type NdjsonFileOptions, ndjsonFile } from './ndjson-file.js';
export { type NdjsonFilesOptions, ndjsonFiles } from './ndjson-files.js';
export { type PrintOptions, print } from './print.js';
export { type TextFileOptions, textFile } from './text-file.js';
