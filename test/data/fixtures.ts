/**
 * Small data sets written to a temporary folder, in the layouts of their authors. Not here: real
 * data.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

/** A folder that is removed when the test ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bitplane-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function write(path: string, bytes: Uint8Array | string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return path;
}

export function idx(shape: readonly number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x0800 | shape.length, 0);
  for (const [axis, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * axis);
  return Buffer.concat([header, data]);
}

/** `count` pictures of 28x28 whose pixels and labels follow from their index. */
export function writeMnist(folder: string, count: number, gz = false, prefix = 't10k'): void {
  const pixels = Uint8Array.from({ length: count * 784 }, (_, i) => (i * 7) & 255);
  const labels = Uint8Array.from({ length: count }, (_, i) => (i * 3) % 10);
  const pack = (bytes: Buffer) => (gz ? gzipSync(bytes) : bytes);
  write(
    join(folder, `${prefix}-images-idx3-ubyte${gz ? '.gz' : ''}`),
    pack(idx([count, 28, 28], pixels)),
  );
  write(join(folder, `${prefix}-labels-idx1-ubyte${gz ? '.gz' : ''}`), pack(idx([count], labels)));
}

/**
 * `count` records; plane c of picture n is all c*50 + n, but for the first pixel of each row, 255 -
 * row.
 */
export function writeCifar10(folder: string, count: number, file = 'test_batch.bin'): void {
  writeRecords(join(folder, file), count, 1, 10);
  writeClasses(join(folder, 'batches.meta.txt'), 10);
}

/** As `writeCifar10`; before each label n mod 100 stands the coarse one, 19. */
export function writeCifar100(folder: string, count: number, file = 'test.bin'): void {
  writeRecords(join(folder, file), count, 2, 100);
  writeClasses(join(folder, 'fine_label_names.txt'), 100);
}

function writeRecords(path: string, count: number, labelBytes: number, classes: number): void {
  const length = labelBytes + 3072;
  const records = Buffer.alloc(count * length, 19);
  for (let n = 0; n < count; n++) {
    const at = n * length + labelBytes;
    records[at - 1] = n % classes;
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < 1024; i++)
        records[at + c * 1024 + i] = i % 32 === 0 ? 255 - i / 32 : c * 50 + n;
    }
  }
  write(path, records);
}

function writeClasses(path: string, count: number): void {
  const names = Array.from({ length: count }, (_, i) => `class${i}`);
  write(path, `${names.join('\n')}\n\n`);
}

/** BITPLANE_DATA, or undefined after a loud message about the skipped tests. */
export function realData(what: string): string | undefined {
  const folder = process.env.BITPLANE_DATA;
  if (folder === undefined || folder === '')
    console.warn(`SKIPPED, BITPLANE_DATA is not set: ${what}`);
  return folder === '' ? undefined : folder;
}
