/** The sinks that a stream calls by their names: what a graph is built with. */

// Not by the index of connectors: each thread would run all of them.
import { collect } from '../../connectors/memory/collect.js';
import { collectTable } from '../../connectors/memory/collect-table.js';
import { print } from '../../connectors/memory/print.js';
import type { BuiltinSinks } from '../../stream/api/builtin-sinks.js';

export const BUILTIN_SINKS: BuiltinSinks = { collect, collectTable, print };
