/** Sources and sinks. `parquetFile` has an entry point of its own: `holdfast/parquet`. */

export { csvFile } from './csv/csv-file.js';
export type { CsvFileOptions } from './csv/csv-options.js';
export type { CsvCellParser, CsvType, CsvTypeName } from './csv/csv-values.js';
export { type NdjsonFileOptions, ndjsonFile } from './files/ndjson-file.js';
export { type NdjsonFilesOptions, ndjsonFiles } from './files/ndjson-files.js';
export { type TextFileOptions, textFile } from './files/text-file.js';
export { type AsyncIterableOptions, fromAsyncIterable } from './iterable/from-async-iterable.js';
export type { MakeIterable } from './iterable/iterable-reader.js';
export { collect } from './memory/collect.js';
export { discard } from './memory/discard.js';
export { fromCollection } from './memory/from-collection.js';
export { type GenerateOptions, generate } from './memory/generate.js';
export { type PrintOptions, print } from './memory/print.js';
