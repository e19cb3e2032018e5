/**
 * The kinds of picture files that are read: their names, the endings of their files, and what they
 * begin with. Not here: decoding them (decode-picture.ts).
 */

interface PictureKind {
  readonly name: string;
  readonly endings: readonly string[];
  /** Of the first bytes as latin1. */
  readonly begins: RegExp;
}

const READ: readonly PictureKind[] = [
  { name: 'JPEG', endings: ['.jpg', '.jpeg'], begins: /^\xff\xd8\xff/ },
  { name: 'PNG', endings: ['.png'], begins: /^\x89PNG\r\n/ },
  { name: 'WebP', endings: ['.webp'], begins: /^RIFF.{4}WEBP/s },
  // A file names its own kind first, or a more general one before it.
  { name: 'AVIF', endings: ['.avif'], begins: /^.{4}ftyp(?:.{4})*?avi[fs]/s },
  { name: 'TIFF', endings: ['.tif', '.tiff'], begins: /^(II\*\0|MM\0\*)/ },
];

/** Names of kinds that are not read, for errors. */
const OTHERS: readonly Omit<PictureKind, 'endings'>[] = [
  { name: 'GIF', begins: /^GIF8/ },
  { name: 'HEIF file', begins: /^.{4}ftyp/s },
  { name: 'BMP', begins: /^BM/ },
  { name: 'SVG or XML file', begins: /^\s*<(svg|\?xml)/ },
];

/** As many as tell the kind of any file. */
const HEAD_BYTES = 40;

const NAMES = READ.map(({ name }) => name);
/** `JPEG, PNG, WebP, AVIF or TIFF` */
export const PICTURE_KINDS = `${NAMES.slice(0, -1).join(', ')} or ${NAMES.at(-1)}`;

/** Endings of the names of picture files, in lower case, with the dot. */
export const PICTURE_ENDINGS: ReadonlySet<string> = new Set(READ.flatMap(({ endings }) => endings));

const headOf = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString('latin1');

/** The name of a kind that is read. */
export function pictureKind(bytes: Uint8Array): string | undefined {
  const head = headOf(bytes);
  return READ.find(({ begins }) => begins.test(head))?.name;
}

/** What bytes that are no picture of these kinds are, in words. */
export function otherKind(bytes: Uint8Array): string {
  const head = headOf(bytes);
  const kind = OTHERS.find(({ begins }) => begins.test(head))?.name;
  if (kind === undefined) return `${bytes.length} other bytes`;
  return `a ${kind}; convert it, or decode it and pass its pixels`;
}
