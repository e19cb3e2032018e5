/**
 * The page of a training: curves, the table of epochs, the confusion matrix, and pictures of the
 * worst confusions. Not here: training (src/train), the parts of pages (the files beside this one).
 */
import type { PictureSet } from '../../data/picture-set.js';
import { type Pixels, resize } from '../../data/resize.js';
import type { Evaluation } from '../../train/evaluate.js';
import type { EpochRecord } from '../../train/history.js';
import { duration, percent, three } from '../format.js';
import { heatMap } from './heat-map.js';
import { type LineChart, lineChart } from './line-chart.js';
import { type HtmlColumn, htmlCharts, htmlFacts, htmlTable, page, type Section } from './page.js';
import { encodePng } from './png.js';
import { escapeHtml } from './svg.js';

export interface TrainingPage {
  readonly title: string;
  /** What the page says first: the recipe, the command, the data set. */
  readonly about: readonly (readonly [name: string, value: string])[];
  readonly history: readonly EpochRecord[];
  readonly test: PictureSet;
  /** Of the trained network on `test`. */
  readonly evaluation: Pick<Evaluation, 'predictions' | 'confusion'>;
}

/** How many pairs of classes are shown, and pictures of each. */
const SHOWN = { pairs: 12, pictures: 6 };
/** A matrix has the square of this many cells, each an element of the page. */
const MOST_CLASSES = 100;
/** Larger pictures are shrunk to this side, so that the page stays small. */
const MOST_SIDE = 64;

export function trainingPage({ title, about, history, test, evaluation }: TrainingPage): string {
  const sections: Section[] = [
    { title: 'Summary', body: htmlFacts([...about, ...summary(history, test, evaluation)]) },
    { title: 'Curves', body: curves(history) },
    { title: 'Confusions', body: matrix(test, evaluation) },
    { title: 'Worst confusions', body: worst(test, evaluation) },
    { title: 'Epochs', body: htmlTable(COLUMNS, history) },
  ];
  return page(title, sections);
}

function summary(
  history: readonly EpochRecord[],
  test: PictureSet,
  { confusion }: TrainingPage['evaluation'],
): (readonly [string, string])[] {
  const right = confusion.reduce((sum, row, label) => sum + (row[label] ?? 0), 0);
  const best = history
    .filter(({ testAccuracy }) => testAccuracy !== null)
    .reduce<EpochRecord | undefined>(
      (a, b) => (a !== undefined && (a.testAccuracy ?? 0) >= (b.testAccuracy ?? 0) ? a : b),
      undefined,
    );
  return [
    ['accuracy', `${percent((100 * right) / test.size)} of ${test.size} test pictures`],
    ...(best === undefined
      ? []
      : ([
          ['best epoch', `${best.epoch}, ${percent(best.testAccuracy ?? 0)} of the test pictures`],
        ] as const)),
    ['epochs', String(history.length)],
    ['time', duration(history.reduce((sum, { seconds }) => sum + seconds, 0))],
  ];
}

function curves(history: readonly EpochRecord[]): string {
  const x = history.map(({ epoch }) => epoch);
  const marks = history
    .filter(({ phase }, i) => i > 0 && phase !== history[i - 1]?.phase)
    .map(({ epoch, phase }) => ({ at: epoch, name: phase }));
  const chart = (title: string, lines: LineChart['lines']) => ({
    caption: `${title}, by epoch${marks.length > 0 ? '; a dashed line begins a phase' : ''}`,
    chart: lineChart({ title, x, lines: lines.filter(({ values }) => hasNumber(values)), marks }),
  });
  return htmlCharts([
    chart('loss', [
      { name: 'train', values: history.map(({ loss }) => loss) },
      { name: 'test', values: history.map(({ testLoss }) => testLoss) },
    ]),
    chart('accuracy in percent', [
      { name: 'train', values: history.map(({ trainAccuracy }) => trainAccuracy) },
      { name: 'test', values: history.map(({ testAccuracy }) => testAccuracy) },
    ]),
    chart('rate', [{ name: 'rate', values: history.map(({ rate }) => rate) }]),
  ]);
}

function hasNumber(values: readonly (number | null)[]): boolean {
  return values.some((value) => value !== null);
}

const percentOf = (value: number | null) => (value === null ? '' : value.toFixed(2));

const COLUMNS: readonly HtmlColumn<EpochRecord>[] = [
  { title: 'epoch', cell: ({ epoch }) => String(epoch), align: 'right' },
  { title: 'phase', cell: ({ phase }) => phase },
  { title: 'rate', cell: ({ rate }) => rate.toPrecision(3), value: ({ rate }) => rate },
  { title: 'loss', cell: ({ loss }) => loss.toFixed(4), align: 'right' },
  { title: 'train %', cell: (record) => percentOf(record.trainAccuracy), align: 'right' },
  {
    title: 'test loss',
    cell: ({ testLoss }) => (testLoss === null ? '' : testLoss.toFixed(4)),
    align: 'right',
  },
  { title: 'test %', cell: (record) => percentOf(record.testAccuracy), align: 'right' },
  { title: 'seconds', cell: ({ seconds }) => seconds.toFixed(1), align: 'right' },
  {
    title: 'images/s',
    cell: ({ imagesPerSecond }) => three(imagesPerSecond),
    value: ({ imagesPerSecond }) => imagesPerSecond,
    align: 'right',
  },
];

function matrix({ classes }: PictureSet, { confusion }: TrainingPage['evaluation']): string {
  if (classes.length > MOST_CLASSES)
    return `<p>${classes.length} classes are too many to draw.</p>`;
  const totals = confusion.map((row) => row.reduce((sum, count) => sum + count, 0));
  const hint = (label: number, answer: number) => {
    const count = confusion[label]?.[answer] ?? 0;
    const share = percent((100 * count) / (totals[label] || 1));
    const what = label === answer ? 'recognised' : `taken for ${classes[answer]}`;
    return `${classes[label]} ${what}: ${count} of ${totals[label]}, ${share}`;
  };
  const chart = heatMap({ title: 'Confusions', names: classes, counts: confusion, hint });
  return `<div class="scroll">${chart}</div><p>Rows are classes, columns are answers.</p>`;
}

/** The pairs of classes that are confused most often, with pictures. */
function worst(test: PictureSet, { confusion, predictions }: TrainingPage['evaluation']): string {
  const pairs = confusion
    .flatMap((row, label) => Array.from(row, (count, answer) => ({ label, answer, count })))
    .filter(({ label, answer, count }) => label !== answer && count > 0)
    .sort((a, b) => b.count - a.count || a.label - b.label || a.answer - b.answer)
    .slice(0, SHOWN.pairs);
  if (pairs.length === 0) return '<p>Every test picture is recognised.</p>';
  return htmlCharts(
    pairs.map(({ label, answer, count }) => {
      const found: string[] = [];
      for (let i = 0; i < test.size && found.length < SHOWN.pictures; i++)
        if (test.label(i) === label && predictions[i] === answer) found.push(image(test, i));
      const caption = `${test.classes[label]} taken for ${test.classes[answer]}: ${count}`;
      return { caption, chart: `<div>${found.join('')}</div>` };
    }),
  );
}

function image(test: PictureSet, i: number): string {
  const [height, width, channels] = test.pictureShape;
  const picture = shrunk({ data: test.bytes(i), height, width, channels });
  const text = `test picture ${i}: ${test.classes[test.label(i)]}`;
  const source = `data:image/png;base64,${encodePng(picture).toString('base64')}`;
  const [wide, tall] = [width, height].map((side) =>
    Math.round((MOST_SIDE * side) / Math.max(width, height)),
  );
  const size = `width="${wide}" height="${tall}"`;
  return `<img ${size} alt="${escapeHtml(text)}" title="${escapeHtml(text)}" src="${source}">`;
}

function shrunk(picture: Pixels): Pixels {
  const { height, width } = picture;
  if (Math.max(height, width) <= MOST_SIDE) return picture;
  const scale = MOST_SIDE / Math.max(height, width);
  const [tall, wide] = [height, width].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  return resize(picture, tall, wide, { top: 0, left: 0, height: tall, width: wide });
}
