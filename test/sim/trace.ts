/** What happened, in lines: hashed as it goes, and kept as far as somebody wants to read it. Most runs are read by nobody. */

/** Names that hold chance of their own (64 random bits and more) must not make two runs differ. */
const RANDOM_NAMES = /[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,}/g;

export class Trace {
  readonly #linesMax: number | undefined;
  readonly #lines: string[] = [];
  #dropped = 0;
  #hash = 0x811c9dc5;
  #count = 0;

  /** @param linesMax lines kept, the newest ones; undefined: nothing is noted at all */
  constructor(linesMax?: number) {
    this.#linesMax = linesMax;
  }

  add(nowMs: number, who: string, what: string): void {
    if (this.#linesMax === undefined) return;
    // Only what is long holds such a name.
    const told = what.length < 16 ? what : what.replace(RANDOM_NAMES, '*');
    const line = `${nowMs.toFixed(3).padStart(10)}  ${who.padEnd(9)} ${told}`;
    this.#count += 1;
    let hash = this.#hash;
    for (let i = 0; i < line.length; i += 1) {
      hash = Math.imul(hash ^ line.charCodeAt(i), 0x01000193);
    }
    this.#hash = hash;
    if (this.#linesMax === 0) return;
    this.#lines.push(line);
    if (this.#lines.length > this.#linesMax * 2) {
      this.#dropped += this.#lines.length - this.#linesMax;
      this.#lines.splice(0, this.#lines.length - this.#linesMax);
    }
  }

  /** Of all lines; undefined: none was noted. */
  get hash(): string | undefined {
    if (this.#linesMax === undefined) return undefined;
    return `${(this.#hash >>> 0).toString(16).padStart(8, '0')}-${this.#count}`;
  }

  get text(): string {
    const kept = this.#lines.slice(-(this.#linesMax ?? 0));
    const dropped = this.#dropped + this.#lines.length - kept.length;
    return (dropped > 0 ? [`… ${dropped} lines before`, ...kept] : kept).join('\n');
  }
}
