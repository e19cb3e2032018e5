/**
 * A folder of picture files as a data set: DIR/CLASS/picture or DIR/CLASS.jpg. Not here: decoding
 * (picture.ts), which endings picture files have (picture-kinds.ts).
 *
 * The class of a picture is its folder's name, or its own name without extension where it lies in
 * DIR itself; label-names.ts says which label a name means. A name that means no label, or several,
 * is an error: guessing would falsify the accuracy. Where the network's labels are not known, the
 * sorted order of the class folders numbers the classes, and a note says so.
 */
import { extname, join } from 'node:path';
import { readingAsync } from '../core/border.js';
import { BitplaneError, expected } from '../core/errors.js';
import { checkRange, type Dataset, type Skipped } from './dataset.js';
import { listFolder } from './files.js';
import { labelFinder, nearestLabels } from './label-names.js';
import { type Fit, readPicture } from './picture.js';
import { PICTURE_ENDINGS, PICTURE_KINDS } from './picture-kinds.js';
import type { Pixels } from './resize.js';

export interface FolderOptions {
  /** The names of the classes in the order of the network's outputs. */
  readonly labels?: readonly string[] | undefined;
  /** How many outputs the network has: without labels there must be as many class folders. */
  readonly outputs?: number | undefined;
  /** True: a picture that cannot be read is an error. False: it is skipped and named. */
  readonly strict?: boolean | undefined;
  /**
   * False: pictures need no class; labels are all 0 and there are no classes. Default true.
   */
  readonly labelled?: boolean | undefined;
  /** See `ImageOptions`. */
  readonly maxPixels?: number | undefined;
}

/** How many names an error spells out. */
const SHOWN = 5;

interface Picture {
  readonly path: string;
  /** The name that tells the picture's class. */
  readonly group: string;
}

/** A picture of a folder, and its class. */
export interface Listed {
  readonly path: string;
  readonly label: number;
}

/** What a folder holds. */
export interface Listing {
  readonly name: string;
  readonly classes: readonly string[];
  readonly notes: readonly string[];
  /** In the order of their paths. */
  readonly pictures: readonly Listed[];
}

/**
 * Lists the pictures of a folder with their classes. DIR may also be the parent of such a folder,
 * where nothing else in it holds pictures.
 * @throws BitplaneError ERR_FORMAT where there are no pictures or a picture's class cannot be told
 */
export function listPictures(dir: string, options: FolderOptions = {}): Promise<Listing> {
  return readingAsync({ op: 'folder', node: dir }, () => list(dir, options));
}

async function list(
  dir: string,
  { labelled = true, labels: given, outputs }: FolderOptions,
): Promise<Listing> {
  const labels = labelled ? given : undefined;
  const find = labelFinder(labels ?? []);
  const { pictures, inFolders, others } = await findPictures(
    dir,
    (group) => find(group).length > 0,
  );
  const groups = [...new Set(pictures.map((picture) => picture.group))].sort();
  const classes = labelled ? (labels ?? classesByOrder(dir, groups, inFolders, outputs)) : [];
  const index =
    labels === undefined
      ? new Map(groups.map((group, i) => [group, labelled ? i : 0]))
      : classesByLabel(dir, groups, labels, find);
  return {
    name: `folder ${dir}`,
    classes,
    notes: [
      ...(labels === undefined && labelled
        ? [
            'classes by sorted folder order: ' +
              `${groups.map((group, order) => `${order} ${group}`).join(', ')}`,
          ]
        : []),
      ...(others.length === 0
        ? []
        : [
            `left out, no ${PICTURE_KINDS}: ` +
              `${others.length} ${others.length === 1 ? 'file' : 'files'}, ${some(others)}`,
          ]),
    ],
    pictures: pictures.map(({ path, group }) => ({ path, label: index.get(group) as number })),
  };
}

/** Opens a folder of pictures, as `listPictures` lists them. `fit` gives all pictures one size. */
export async function openFolder(
  dir: string,
  fit: Fit,
  options: FolderOptions = {},
): Promise<Dataset> {
  const { pictures, ...listing } = await listPictures(dir, options);
  const { name } = listing;
  const side = fit.crop;
  return {
    ...listing,
    size: pictures.length,
    pictureShape: [side, side, 3],
    async read(from, to) {
      checkRange(name, pictures.length, from, to);
      const found = await Promise.all(
        pictures.slice(from, to).map((picture) => readOrSkip(picture, fit, options)),
      );
      const good = found.filter((item) => 'pixels' in item);
      const pixels = new Uint8Array(good.length * side * side * 3);
      for (const [i, { pixels: part }] of good.entries())
        pixels.set(part.data, i * side * side * 3);
      return {
        pixels,
        labels: Int32Array.from(good, ({ label }) => label),
        skipped: found.filter((item) => 'why' in item),
      };
    },
  };
}

/** Whether an error belongs to one picture, so that a set may go on without it. */
export function isBroken(error: unknown): error is BitplaneError {
  return error instanceof BitplaneError && BROKEN.has(error.code);
}

const BROKEN = new Set(['ERR_FORMAT', 'ERR_IO', 'ERR_LIMIT']);

/** A picture, or the reason why its file cannot be read. Faults of the whole folder are thrown. */
async function readOrSkip(
  { path, label }: Listed,
  fit: Fit,
  { strict = false, maxPixels }: FolderOptions,
): Promise<{ label: number; pixels: Pixels } | Skipped> {
  try {
    return { label, pixels: await readPicture(path, fit, maxPixels) };
  } catch (error) {
    if (strict || !isBroken(error)) throw error;
    return { file: path, why: error.message };
  }
}

/**
 * The classes where the network's labels are unknown: the folders, if there are as many as outputs.
 */
function classesByOrder(
  dir: string,
  groups: readonly string[],
  inFolders: boolean,
  outputs: number | undefined,
): readonly string[] {
  const site = { op: 'folder', node: dir };
  const remedy = '(the recipe names no labels; labels of its own, or --preprocess FILE.json, may)';
  if (!inFolders)
    throw expected(
      'ERR_FORMAT',
      `class folders, or labels ${remedy}`,
      `pictures outside folders, such as ${groups[0]}`,
      site,
    );
  if (outputs !== undefined && outputs !== groups.length) {
    const what = `a class folder for each of ${outputs} outputs, or labels ${remedy}`;
    throw expected('ERR_FORMAT', what, `${groups.length} folders: ${some(groups)}`, site);
  }
  return groups;
}

function classesByLabel(
  dir: string,
  groups: readonly string[],
  labels: readonly string[],
  find: (name: string) => readonly number[],
) {
  const site = { op: 'folder', node: dir };
  const strays = groups.filter((group) => find(group).length === 0);
  if (strays.length > 0) {
    const near = strays
      .slice(0, SHOWN)
      .map((group) => `"${group}" (nearest: ${quoted(nearestLabels(group, labels))})`);
    const more = strays.length > SHOWN ? `, and ${strays.length - SHOWN} more` : '';
    const sentence =
      'expected names that mean one of the ' +
      `${labels.length} labels but received ${near.join(', ')}${more}`;
    throw new BitplaneError('ERR_FORMAT', sentence, site);
  }
  const unclear = groups.find((group) => find(group).length > 1);
  if (unclear !== undefined) {
    const meant = find(unclear).map((i) => labels[i] as string);
    throw new BitplaneError(
      'ERR_FORMAT',
      `expected names that mean one label but "${unclear}" means several: ${quoted(meant)}`,
      site,
    );
  }
  return new Map(groups.map((group) => [group, find(group)[0] as number]));
}

function quoted(labels: readonly string[]): string {
  return labels.map((label) => `"${label}"`).join(', ');
}

function some(names: readonly string[]): string {
  return names.slice(0, SHOWN).join(', ') + (names.length > SHOWN ? ', ...' : '');
}

interface Found {
  readonly pictures: readonly Picture[];
  /** Every picture lies in a class folder. */
  readonly inFolders: boolean;
  /** Files of the class folders, or beside them, that are no pictures. */
  readonly others: readonly string[];
}

async function findPictures(
  dir: string,
  isLabel: (group: string) => boolean,
  maybeParent = true,
): Promise<Found> {
  const { files, folders } = await listFolder(dir);
  const loose = files
    .filter(isPicture)
    .map((file) => ({ path: join(dir, file), group: file.slice(0, -extname(file).length) }));
  const filed: Picture[] = [];
  const others = loose.length === 0 ? [] : files.filter((file) => !isPicture(file));
  for (const folder of folders) {
    const inside = (await listFolder(join(dir, folder))).files;
    const found = inside.filter(isPicture);
    for (const file of found) filed.push({ path: join(dir, folder, file), group: folder });
    if (found.length > 0)
      for (const file of inside) if (!isPicture(file)) others.push(join(folder, file));
  }
  const classes = [...new Set(filed.map((picture) => picture.group))];
  if (loose.length === 0 && maybeParent) {
    // A single folder that names no class may be the data set itself, and DIR its parent.
    const only =
      classes.length === 1
        ? classes[0]
        : classes.length === 0 && folders.length === 1
          ? folders[0]
          : undefined;
    if (only !== undefined && !isLabel(only)) {
      const inner = await findPictures(join(dir, only), isLabel, false);
      if (inner.inFolders || inner.pictures.some(({ group }) => isLabel(group))) return inner;
    }
  }
  const pictures = [...loose, ...filed];
  if (pictures.length === 0)
    throw new BitplaneError(
      'ERR_FORMAT',
      `expected ${PICTURE_KINDS} pictures, or class folders of them`,
      { op: 'folder', node: dir },
    );
  return { pictures, inFolders: loose.length === 0, others };
}

function isPicture(file: string): boolean {
  return PICTURE_ENDINGS.has(extname(file).toLowerCase());
}
