/** One piece of memory seen through every kind of typed array that frames are made of. */
export class ByteViews {
  /** Also for strings. */
  readonly u8: Buffer;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly f64: Float64Array;
  readonly b64: BigInt64Array;

  /** @param offset and @param length in bytes, multiples of 8 */
  constructor(buffer: ArrayBuffer | SharedArrayBuffer, offset = 0, length = buffer.byteLength) {
    this.u8 = Buffer.from(buffer, offset, length);
    this.u16 = new Uint16Array(buffer, offset, length / 2);
    this.i32 = new Int32Array(buffer, offset, length / 4);
    this.f64 = new Float64Array(buffer, offset, length / 8);
    this.b64 = new BigInt64Array(buffer, offset, length / 8);
  }

  /** Memory of its own, of at least so many bytes. */
  static allocate(byteCount: number): ByteViews {
    return new ByteViews(new ArrayBuffer(Math.ceil(byteCount / 8) * 8));
  }
}
