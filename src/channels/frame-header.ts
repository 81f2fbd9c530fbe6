/**
 * The head of every frame: 32 bytes.
 *
 *      0  u32  bytes of the whole frame      16  u32  incarnation
 *      4  u32  kind, flags << 8              20  u32  count (records; sections << 0 see below)
 *      8  u32  sequence, from 0              24  f64  checkpoint or time; for a batch: sections
 *     12  u32  epoch
 *
 * A batch goes on with, each part beginning at a multiple of 8:
 *
 *      timestamps   f64 per record           (flag TIMESTAMPS)
 *      behind       f64 per record           (flag BEHIND; frames of 0.1.0 have none)
 *      groups       u16 per record           (flag GROUPS)
 *      sections     u8 per record: which section it is in (only when there are several)
 *      then the sections, one per shape, in the order of frame-layout.ts
 */

export const FRAME_HEADER_BYTES = 32;

export const FRAME_BATCH = 1;
export const FRAME_BARRIER = 2;
export const FRAME_WATERMARK = 3;
export const FRAME_END = 4;
export const FRAME_IDLE = 5;

export const FLAG_TIMESTAMPS = 1 << 8;
export const FLAG_GROUPS = 1 << 9;
export const FLAG_BEHIND = 1 << 10;
/** A reader that met another flag would take the frame's columns for something else. */
export const FLAGS_KNOWN = FLAG_TIMESTAMPS | FLAG_GROUPS | FLAG_BEHIND;

/** Indexes of the 32-bit words and of the float. */
export const WORD_BYTES = 0;
export const WORD_KIND = 1;
export const WORD_SEQUENCE = 2;
export const WORD_EPOCH = 3;
export const WORD_INCARNATION = 4;
export const WORD_COUNT = 5;
export const FLOAT_VALUE = 3;

/** Most shapes in one batch that get a section of their own; the rest share the slow one. */
export const SECTIONS_MAX = 16;
