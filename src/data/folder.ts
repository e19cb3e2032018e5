/**
 * A folder of JPEG and PNG pictures as a data set: DIR/CLASS/picture or DIR/CLASS.jpg. Not here: decoding (picture.ts).
 *
 * The class of a picture is its folder's name, or its own name without extension where it lies in DIR itself. A name that
 * starts with a WordNet id (n and eight digits) belongs to the label that starts with the same id; any other name belongs to
 * the label it equals, ignoring case and reading _ as a space. Where no name fits a label, the folders' sorted order numbers
 * the classes, and a note says so. Where some fit and some do not, that is an error: guessing would falsify the accuracy.
 */
import { extname, join } from 'node:path';
import { BitplaneError, expected } from '../core/errors.js';
import { checkRange, type Dataset } from './dataset.js';
import { listFolder } from './files.js';
import { type Fit, readPicture } from './picture.js';

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png']);
const WORDNET_ID = /^n\d{8}/;

interface Picture {
  readonly path: string;
  /** The name that says its class. */
  readonly group: string;
}

/**
 * Opens a folder of pictures. `labels` names the classes in the order of the network's outputs; `fit` gives all pictures one size.
 * DIR may also be the parent of such a folder, where nothing else in it holds pictures.
 * @throws BitplaneError ERR_FORMAT where there are no pictures or a picture's class cannot be told
 */
export async function openFolder(dir: string, fit: Fit, labels?: readonly string[]): Promise<Dataset> {
  const toLabel = labelFinder(labels ?? []);
  const { pictures, inFolders } = await findPictures(dir, (group) => toLabel(group) !== undefined);
  const groups = [...new Set(pictures.map((picture) => picture.group))].sort();
  const found = new Map(groups.map((group) => [group, toLabel(group)]));
  const strays = groups.filter((group) => found.get(group) === undefined);
  const ordered = strays.length === groups.length && inFolders;
  if (strays.length > 0 && !ordered) {
    const known = labels === undefined ? 'no labels were given' : `such as ${JSON.stringify(labels[0])}`;
    throw expected('ERR_FORMAT', `a class folder, or a name that fits a label (${known})`, strays[0], { op: 'folder', node: dir });
  }
  const index = new Map(groups.map((group, order) => [group, ordered ? order : (found.get(group) as number)]));

  const side = fit.crop;
  const name = `folder ${dir}`;
  return {
    name,
    classes: ordered ? groups : (labels as readonly string[]),
    size: pictures.length,
    pictureShape: [side, side, 3],
    notes: ordered ? [`classes by sorted folder order: ${groups.map((group, order) => `${order} ${group}`).join(', ')}`] : [],
    async read(from, to) {
      checkRange(name, pictures.length, from, to);
      const part = pictures.slice(from, to);
      const pixels = new Uint8Array(part.length * side * side * 3);
      const decoded = await Promise.all(part.map((picture) => readPicture(picture.path, fit)));
      for (const [i, picture] of decoded.entries()) pixels.set(picture.data, i * side * side * 3);
      return { pixels, labels: Int32Array.from(part, (picture) => index.get(picture.group) as number) };
    },
  };
}

interface Found {
  readonly pictures: readonly Picture[];
  /** Every picture lies in a class folder. */
  readonly inFolders: boolean;
}

async function findPictures(dir: string, isLabel: (group: string) => boolean, maybeParent = true): Promise<Found> {
  const { files, folders } = await listFolder(dir);
  const loose = files.filter(isPicture).map((file) => ({ path: join(dir, file), group: file.slice(0, -extname(file).length) }));
  const filed: Picture[] = [];
  for (const folder of folders) {
    const inside = (await listFolder(join(dir, folder))).files.filter(isPicture);
    filed.push(...inside.map((file) => ({ path: join(dir, folder, file), group: folder })));
  }
  const classes = [...new Set(filed.map((picture) => picture.group))];
  if (loose.length === 0 && maybeParent) {
    // A single folder that names no class is the data set itself: DIR is its parent.
    const only = classes.length === 1 ? classes[0] : classes.length === 0 && folders.length === 1 ? folders[0] : undefined;
    if (only !== undefined && !isLabel(only)) return findPictures(join(dir, only), isLabel, false);
  }
  const pictures = [...loose, ...filed];
  if (pictures.length === 0)
    throw new BitplaneError('ERR_FORMAT', 'expected JPEG or PNG pictures, or class folders of them', { op: 'folder', node: dir });
  return { pictures, inFolders: loose.length === 0 };
}

function isPicture(file: string): boolean {
  return EXTENSIONS.has(extname(file).toLowerCase());
}

/** The index of the label that a name means. */
function labelFinder(labels: readonly string[]): (name: string) => number | undefined {
  const plain = (text: string) => text.trim().toLowerCase().replaceAll('_', ' ');
  const byName = new Map(labels.map((label, i) => [plain(label), i]));
  const byId = new Map(labels.flatMap((label, i) => (WORDNET_ID.test(label) ? [[label.slice(0, 9), i] as const] : [])));
  return (name) => (WORDNET_ID.test(name) ? byId.get(name.slice(0, 9)) : undefined) ?? byName.get(plain(name));
}
