/**
 * The page of `bitplane run --image --html`: pictures as the network saw them, each with its best
 * classes. Not here: running.
 */
import type { Skipped } from '../../data/dataset.js';
import { fitPicture } from '../../data/picture.js';
import type { Pixels } from '../../data/resize.js';
import type { Top } from '../../data/top-k.js';
import { three } from '../format.js';
import { htmlFacts, page, type Section } from './page.js';
import { encodePng } from './png.js';
import { escapeHtml } from './svg.js';

export interface ContactSheet {
  readonly title: string;
  /** What the page says first. */
  readonly about: readonly (readonly [name: string, value: string])[];
  readonly answers: readonly { readonly file: string; readonly top: readonly Top[] }[];
  /** One an answer, cut as the network takes them. */
  readonly pictures: readonly Pixels[];
  readonly skipped: readonly Skipped[];
  readonly notes: readonly string[];
}

/** Larger pictures are shrunk to this side, so that the page stays small. */
const MOST_SIDE = 160;

const STYLE = `
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(160px,1fr));gap:1rem}
.sheet figure{margin:0;min-width:0}.sheet img{width:160px;max-width:100%;margin:0}
.sheet ol{margin:.25rem 0 0;padding:0;list-style:none;font-size:.85rem}
.sheet li{display:flex;justify-content:space-between;gap:.5rem}
.sheet li:first-child{font-weight:600}.sheet li span{overflow-wrap:anywhere;min-width:0}
.sheet li b{font-weight:inherit;font-variant-numeric:tabular-nums}.long{overflow-wrap:anywhere}
td{white-space:normal;overflow-wrap:anywhere}
`;

export function contactSheet(sheet: ContactSheet): string {
  const { title, about, answers, pictures, skipped, notes } = sheet;
  const figures = answers.map(({ file, top }, i) => figure(file, top, pictures[i] as Pixels));
  const sections: Section[] = [
    {
      title: 'Summary',
      body: htmlFacts([...about, ...notes.map((note) => ['note', note] as const)]),
    },
    {
      title: 'Pictures',
      body: `<style>${STYLE}</style><div class="sheet">${figures.join('\n')}</div>`,
    },
  ];
  if (skipped.length > 0) {
    const items = skipped.map(({ why }) => `<li>${escapeHtml(why)}</li>`);
    sections.push({ title: 'Not read', body: `<ul class="long">${items.join('\n')}</ul>` });
  }
  return page(title, sections);
}

function figure(file: string, top: readonly Top[], picture: Pixels): string {
  const side = Math.max(picture.height, picture.width);
  const shown =
    side > MOST_SIDE && picture.height === picture.width
      ? fitPicture(picture, { resize: MOST_SIDE, crop: MOST_SIDE }, file)
      : picture;
  const source = `data:image/png;base64,${encodePng(shown).toString('base64')}`;
  const items = top.map(
    ({ label, score }) =>
      `<li><span>${escapeHtml(label)}</span> <b>${escapeHtml(three(score))}</b></li>`,
  );
  const name = escapeHtml(file);
  return (
    `<figure><img alt="${name}" title="${name}" src="${source}">` +
    `<figcaption>${name}</figcaption><ol>${items.join('')}</ol></figure>`
  );
}
