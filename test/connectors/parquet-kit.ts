/** Parquet files for tests: written by hyparquet-writer, and with changes that it does not make. */

import { crc32 } from 'node:zlib';
import { type FileMetaData, parquetMetadata, type SchemaElement } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { ByteWriter, type ParquetWriteOptions, parquetWriteBuffer } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';

export type Columns = ParquetWriteOptions['columnData'];

/** Uncompressed and without statistics, unless it is said. */
export function parquetBytes(
  columnData: Columns,
  options: Partial<Omit<ParquetWriteOptions, 'writer' | 'columnData'>> = {},
): Buffer {
  const bytes = parquetWriteBuffer({
    codec: 'UNCOMPRESSED',
    statistics: false,
    columnData,
    ...options,
  });
  return Buffer.from(bytes);
}

export const root = (children: number): SchemaElement => ({ name: 'root', num_children: children });

/** The same pages under a footer that says something else. */
export function withFooter(
  bytes: Buffer,
  change: (metadata: FileMetaData) => FileMetaData,
): Buffer {
  const metadata = parquetMetadata(bytes);
  const data = bytes.subarray(0, bytes.length - metadata.metadata_length - 8);
  return finished([data], change(metadata));
}

/** With a checksum in every page header. @param shift added to each: 0 for the right ones */
export function withChecksums(bytes: Buffer, shift: number): Buffer {
  const metadata = parquetMetadata(bytes);
  const parts: Buffer[] = [Buffer.from('PAR1')];
  let offset = 4;
  for (const { columns } of metadata.row_groups) {
    for (const { meta_data: meta } of columns) {
      const from = Number(meta!.dictionary_page_offset ?? meta!.data_page_offset);
      const chunk = bytes.subarray(from, from + Number(meta!.total_compressed_size));
      const start = offset;
      let dataStart: number | undefined;
      const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const reader = { view, offset: 0 };
      while (reader.offset < chunk.length) {
        const header = parquetHeader(reader);
        const page = chunk.subarray(reader.offset, reader.offset + header.compressed_page_size);
        reader.offset += page.length;
        const writer = new ByteWriter();
        // A signed number in the format.
        writePageHeader(writer, { ...header, crc: (crc32(page) + shift) | 0 });
        const head = Buffer.from(writer.getBytes());
        if (header.type === 'DICTIONARY_PAGE') meta!.dictionary_page_offset = BigInt(offset);
        else dataStart ??= offset;
        parts.push(head, page);
        offset += head.length + page.length;
      }
      meta!.data_page_offset = BigInt(dataStart!);
      meta!.total_compressed_size = BigInt(offset - start);
    }
  }
  return finished(parts, metadata);
}

function finished(parts: readonly Buffer[], metadata: FileMetaData): Buffer {
  const footer = new ByteWriter();
  writeMetadata(footer, metadata);
  footer.appendUint32(0x31524150);
  return Buffer.concat([...parts, Buffer.from(footer.getBytes())]);
}
