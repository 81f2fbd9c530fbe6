/**
 * Code that is generated from the same text is compiled once. A job compiles a function for each of its chains, and
 * gives each a number, so that V8 learns about each apart (src/stream/task/chain-code.ts, C3). That pays for a
 * chain that runs for long. Those of a simulation live for some hundred records, thousands of times.
 */

type Make = (...bound: unknown[]) => unknown;

/** The number of a chain. */
const SOURCE_URL = /\n\/\/# sourceURL=.*$/;
/** Texts that are kept: more than all seeds have among them, but for what records' keys make. */
const KEPT_MAX = 5_000;

const OriginalFunction = globalThis.Function;
const made = new Map<string, Make>();

/** What stands in the place of `Function`. */
export const CachedFunction = new Proxy(OriginalFunction, {
  construct(_, given: string[]): Make {
    const name = given.join('\0').replace(SOURCE_URL, '');
    const known = made.get(name);
    if (known !== undefined) return known;
    if (made.size >= KEPT_MAX) made.clear();
    const make = new OriginalFunction(...given) as Make;
    made.set(name, make);
    return make;
  },
});
