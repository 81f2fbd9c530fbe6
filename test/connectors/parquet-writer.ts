/**
 * Writes tiny Parquet files for tests: required columns, plain encoding, no compression, one page per
 * column chunk. Thrift's compact protocol, as far as that needs it.
 */

export type Values =
  | { readonly type: 'int32' | 'date'; readonly values: readonly number[] }
  | { readonly type: 'int64' | 'timestampMicros'; readonly values: readonly bigint[] }
  | { readonly type: 'double'; readonly values: readonly number[] }
  | { readonly type: 'text' | 'bytes'; readonly values: readonly (string | Uint8Array)[] };

type Field =
  | readonly [id: number, kind: 'i32' | 'i64', value: number]
  | readonly [id: number, kind: 'binary', value: string]
  | readonly [id: number, kind: 'struct', value: readonly Field[]]
  | readonly [id: number, kind: 'structs', value: readonly (readonly Field[])[]]
  | readonly [id: number, kind: 'i32s', value: readonly number[]]
  | readonly [id: number, kind: 'binaries', value: readonly string[]];

const physical = {
  int32: 1,
  date: 1,
  int64: 2,
  timestampMicros: 2,
  double: 5,
  text: 6,
  bytes: 6,
} as const;
const converted: Partial<Record<Values['type'], number>> = {
  text: 0,
  date: 6,
  timestampMicros: 10,
};
const wire = { i32: 5, i64: 6, binary: 8, structs: 9, i32s: 9, binaries: 9, struct: 12 } as const;

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

const zigzag = (value: number): number[] => varint(BigInt(value) * 2n);
const binary = (text: string): number[] => {
  const bytes = Buffer.from(text);
  return [...varint(bytes.length), ...bytes];
};
const list = (type: number, items: readonly (readonly number[])[]): number[] => [
  ...(items.length < 15 ? [(items.length << 4) | type] : [0xf0 | type, ...varint(items.length)]),
  ...items.flat(),
];

function struct(fields: readonly Field[]): number[] {
  let last = 0;
  const bytes = fields.flatMap((field) => {
    const [id, kind] = field;
    const head = ((id - last) << 4) | wire[kind];
    last = id;
    return [head, ...fieldValue(field)];
  });
  return [...bytes, 0];
}

function fieldValue([, kind, value]: Field): number[] {
  switch (kind) {
    case 'i32':
    case 'i64':
      return zigzag(value);
    case 'binary':
      return binary(value);
    case 'struct':
      return struct(value);
    case 'structs':
      return list(12, value.map(struct));
    case 'i32s':
      return list(5, value.map(zigzag));
    case 'binaries':
      return list(8, value.map(binary));
  }
}

function plain({ type, values }: Values): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const buffer = Buffer.alloc(8);
      if (typeof value === 'bigint') buffer.writeBigInt64LE(value);
      else if (typeof value === 'number' && type === 'double') buffer.writeDoubleLE(value);
      else if (typeof value === 'number') return buffer.subarray(0, buffer.writeInt32LE(value));
      else {
        const bytes = Buffer.from(value);
        const length = Buffer.alloc(4);
        length.writeInt32LE(bytes.length);
        return Buffer.concat([length, bytes]);
      }
      return buffer;
    }),
  );
}

/** Each group: column name → values, all of the same length; the same columns in every group. */
export function parquetBytes(groups: readonly Readonly<Record<string, Values>>[]): Buffer {
  const parts: Buffer[] = [Buffer.from('PAR1')];
  let offset = 4;
  const names = Object.keys(groups[0]!);
  const rowGroups = groups.map((group): Field[] => {
    const rows = group[names[0]!]!.values.length;
    const chunks = names.map((name): Field[] => {
      const column = group[name]!;
      const data = plain(column);
      const header = Buffer.from(
        struct([
          [1, 'i32', 0],
          [2, 'i32', data.length],
          [3, 'i32', data.length],
          [
            5,
            'struct',
            [
              [1, 'i32', rows],
              [2, 'i32', 0],
              [3, 'i32', 3],
              [4, 'i32', 3],
            ],
          ],
        ]),
      );
      const start = offset;
      const bytes = header.length + data.length;
      parts.push(header, data);
      offset += bytes;
      return [
        [2, 'i64', start],
        [
          3,
          'struct',
          [
            [1, 'i32', physical[column.type]],
            [2, 'i32s', [0]],
            [3, 'binaries', [name]],
            [4, 'i32', 0],
            [5, 'i64', rows],
            [6, 'i64', bytes],
            [7, 'i64', bytes],
            [9, 'i64', start],
          ],
        ],
      ];
    });
    return [
      [1, 'structs', chunks],
      [2, 'i64', 0],
      [3, 'i64', rows],
    ];
  });
  const leaves = names.map((name): Field[] => {
    const { type } = groups[0]![name]!;
    const logical = converted[type];
    return [
      [1, 'i32', physical[type]],
      [3, 'i32', 0],
      [4, 'binary', name],
      ...(logical === undefined ? [] : [[6, 'i32', logical] as const]),
    ];
  });
  const total = groups.reduce((sum, group) => sum + group[names[0]!]!.values.length, 0);
  const footer = Buffer.from(
    struct([
      [1, 'i32', 1],
      [
        2,
        'structs',
        [
          [
            [4, 'binary', 'root'],
            [5, 'i32', names.length],
          ],
          ...leaves,
        ],
      ],
      [3, 'i64', total],
      [4, 'structs', rowGroups],
    ]),
  );
  const length = Buffer.alloc(4);
  length.writeInt32LE(footer.length);
  return Buffer.concat([...parts, footer, length, Buffer.from('PAR1')]);
}
