/**
 * Reads levels, and indexes into a dictionary: whole numbers of a fixed width in bits, in runs of one value and in
 * packed bits (Parquet's RLE / bit-packing hybrid).
 *
 * They are read a piece at a time. So a reader that is opened in the middle of a page skips to its place without
 * unpacking what is before it.
 */

export class LevelRuns {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #width: number;
  readonly #mask: number;
  /** Offset of the first byte behind the run at hand. */
  #offset: number;
  /** Number of values left in the run at hand. */
  #left = 0;
  /** The value of a run of one value; undefined where bits are packed. */
  #value: number | undefined;
  /** Place of the next packed value, in bits from the start of `#bytes`. */
  #bit = 0;

  /** @param width 0 to 32 bits */
  constructor(bytes: Uint8Array, start: number, end: number, width: number) {
    if (width > 32 || end > bytes.length) throw new Error('runs of levels do not fit their page');
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
    this.#width = width;
    this.#mask = width === 32 ? -1 : (1 << width) - 1;
  }

  /** Reads `count` values to `output[from]` and the places behind it. */
  read(output: Uint8Array | Uint32Array, from: number, count: number): void {
    let at = from;
    const to = from + count;
    while (at < to) {
      if (this.#left === 0) this.#begin();
      const taken = Math.min(this.#left, to - at);
      if (this.#value === undefined) this.#unpack(output, at, taken);
      else output.fill(this.#value, at, at + taken);
      at += taken;
      this.#left -= taken;
    }
  }

  skip(count: number): void {
    let left = count;
    while (left > 0) {
      if (this.#left === 0) this.#begin();
      const taken = Math.min(this.#left, left);
      if (this.#value === undefined) this.#bit += taken * this.#width;
      left -= taken;
      this.#left -= taken;
    }
  }

  /** Are the next `count` values all this one? Looks no further than the run at hand. */
  startsWith(value: number, count: number): boolean {
    if (this.#left === 0) this.#begin();
    return this.#value === value && this.#left >= count;
  }

  #begin(): void {
    if (this.#width === 0) {
      this.#value = 0;
      this.#left = Number.MAX_SAFE_INTEGER;
      return;
    }
    const header = this.#varint();
    const packed = header % 2 === 1;
    const length = Math.floor(header / 2);
    if (length === 0) throw new Error('a run of levels is empty');
    if (packed) {
      this.#value = undefined;
      this.#left = length * 8;
      this.#bit = this.#offset * 8;
      // The last run may end behind the last value that counts.
      this.#offset += length * this.#width;
      return;
    }
    let value = 0;
    for (let shift = 0; shift < this.#width; shift += 8) value += this.#byte() * 2 ** shift;
    this.#value = value;
    this.#left = length;
  }

  #unpack(output: Uint8Array | Uint32Array, from: number, count: number): void {
    const bytes = this.#bytes;
    const width = this.#width;
    const mask = this.#mask;
    let bit = this.#bit;
    if (bit + (count - 1) * width >= this.#end * 8) {
      throw new Error('runs of levels end before their page does');
    }
    for (let at = from; at < from + count; at += 1, bit += width) {
      const byte = Math.floor(bit / 8);
      const shift = bit % 8;
      // Bytes beyond the end are undefined, and count as 0 in an OR.
      const low =
        bytes[byte]! |
        (bytes[byte + 1]! << 8) |
        (bytes[byte + 2]! << 16) |
        (bytes[byte + 3]! << 24);
      const high = shift + width > 32 ? bytes[byte + 4]! << (32 - shift) : 0;
      output[at] = ((low >>> shift) | high) & mask;
    }
    this.#bit = bit;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > 2 ** 35) throw new Error('a run of levels has no length');
    }
  }

  #byte(): number {
    if (this.#offset >= this.#end) throw new Error('runs of levels end before their page does');
    return this.#bytes[this.#offset++]!;
  }
}
