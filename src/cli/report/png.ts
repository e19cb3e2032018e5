/**
 * Pictures as PNG files, gray or rgb, 8 bits a channel (W3C, PNG Specification, Third Edition). Not
 * here: reading them (src/data/picture.ts).
 */
import { deflateSync } from 'node:zlib';
import { crc32 } from '../../core/crc32.js';
import type { Pixels } from '../../data/resize.js';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOUR_TYPE: Readonly<Record<number, number>> = { 1: 0, 3: 2 };

/** The bytes of a PNG file; channels are 1 (gray) or 3 (rgb). */
export function encodePng({ data, height, width, channels }: Pixels): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, COLOUR_TYPE[channels] as number, 0, 0, 0], 8);
  // Each row begins with the filter that it went through: 0, none.
  const row = width * channels;
  const rows = Buffer.alloc(height * (row + 1));
  for (let i = 0; i < height; i++)
    rows.set(data.subarray(i * row, (i + 1) * row), i * (row + 1) + 1);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Its length, its name, its bytes, and a checksum of both. */
function chunk(name: string, bytes: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), bytes]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(bytes.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
