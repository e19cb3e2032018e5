#!/usr/bin/env node
/**
 * Keeps trained networks in models/, and writes what README.md and docs/training say of them, so
 * that no number there is typed by hand. Not here: training (bitplane train).
 *
 *   node scripts/trained-models.mjs keep OUT NAME      OUT: the folder of a finished training
 *   node scripts/trained-models.mjs curve OUT RECIPE   its log, to hold against PyTorch's
 *   node scripts/trained-models.mjs tables [--check]   --check: exit code 1 where a page is stale
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const models = join(root, 'models');
const FILES = ['model.safetensors', 'training.json', 'log.jsonl'];
const RECIPES = ['float', 'bwn', 'xnor', 'bi-real', 'real-to-binary', 'reactnet'];
/** The tables stand between these lines of a page. */
const MARKS = ['<!-- from models/ -->', '<!-- end -->'];

const read = (...path) => readFileSync(join(...path), 'utf8');
const json = (...path) => JSON.parse(read(...path));
const lines = (...path) =>
  read(...path)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** The kept networks, by name. */
export function kept(folder = models) {
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'training.json')))
    .sort()
    .map((name) => ({ name, ...json(folder, name, 'training.json') }));
}

function keep(out, name) {
  mkdirSync(join(models, name), { recursive: true });
  for (const file of FILES) copyFileSync(join(out, file), join(models, name, file));
}

function curve(out, recipe) {
  mkdirSync(join(models, 'curves'), { recursive: true });
  copyFileSync(join(out, 'log.jsonl'), join(models, 'curves', `${recipe}.jsonl`));
}

const DATASETS = { cifar10: 'CIFAR-10', mnist: 'MNIST', folder: 'a folder' };
const percent = (value) => `${value.toFixed(2)} %`;
const minutes = (seconds) => `${Math.round(seconds / 60)} min`;
const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (titles, rows) =>
  [row(titles), row(titles.map(() => '---')), ...rows.map(row)].join('\n');

/** Lines of at most 100 characters. */
function wrapped(text) {
  const made = [''];
  for (const word of text.split(' ')) {
    const line = made.at(-1);
    if (line !== '' && line.length + 1 + word.length > 100) made.push(word);
    else made[made.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return made.join('\n');
}

function summary(networks) {
  return table(
    ['network', 'data', 'epochs', 'time', 'top-1', 'packed and float differ on', 'size'],
    networks.map(({ name, dataset, epochs, seconds, top1, differing, bytes }) => [
      ...[`\`models/${name}\``, DATASETS[dataset], epochs, minutes(seconds)],
      ...[percent(top1), `${differing} of 10000`, `${Math.round(bytes / 1024)} KiB`],
    ]),
  );
}

/** Every tenth of the schedule: ours, PyTorch's. */
function againstPyTorch(recipe) {
  const { top1, epochs: theirs } = json(models, 'pytorch-curves.json')[recipe];
  const ours = lines(models, 'curves', `${recipe}.jsonl`);
  const tenth = theirs.length / 10;
  const at = theirs.map((_, i) => i + 1).filter((epoch) => epoch % tenth === 0);
  const rows = at
    .filter((epoch) => epoch <= ours.length)
    .map((epoch) => {
      const { loss, trainAccuracy, testAccuracy } = ours[epoch - 1];
      const [theirLoss, theirTrain, theirTest] = theirs[epoch - 1];
      return [
        ...[epoch, loss.toFixed(3), theirLoss.toFixed(3)],
        ...[trainAccuracy.toFixed(1), theirTrain.toFixed(1)],
        ...[testAccuracy.toFixed(1), theirTest.toFixed(1)],
      ];
    });
  const end =
    ours.length === theirs.length
      ? `At the end ${percent(ours.at(-1).testAccuracy)} here, ${percent(top1)} there.`
      : `Here ${ours.length} of ${theirs.length} epochs are done so far.`;
  return [
    wrapped(`The same settings in PyTorch 2.11 (bfloat16 products), one seed each. ${end}`),
    '',
    table(['epoch', 'loss', 'PyTorch', 'train %', 'PyTorch', 'test %', 'PyTorch'], rows),
    '',
    `![test accuracy by epoch, here and in PyTorch](${recipe}.svg)`,
  ].join('\n');
}

function network({ name, command, epochs, seconds, top1, differing, bytes }) {
  return [
    wrapped(
      `**models/${name}**: ${percent(top1)} of the test pictures, after ${epochs} epochs in ` +
        `${minutes(seconds)}; packed and float differ on ${differing} of 10000; ` +
        `${Math.round(bytes / 1024)} KiB.`,
    ),
    '',
    '```',
    `${command} --data data --out runs/${name}`,
    '```',
  ].join('\n');
}

const STYLE =
  '<style>svg{font:11px sans-serif;background:#fff}.s0{fill:#1f77b4}.s1{fill:#ff7f0e}' +
  'polyline.s0{fill:none;stroke:#1f77b4;stroke-width:1.5}' +
  'polyline.s1{fill:none;stroke:#ff7f0e;stroke-width:1.5}' +
  'line{stroke:#ddd}text.l{text-anchor:end}text.m{text-anchor:middle}</style>';

/** The charts of the pages that `bitplane train` writes; they have no file of their own in dist. */
async function chartMaker() {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [join(root, 'src/cli/report/line-chart.ts')],
    bundle: true,
    write: false,
    format: 'esm',
  });
  const code = Buffer.from(outputFiles[0].contents).toString('base64');
  return (await import(`data:text/javascript;base64,${code}`)).lineChart;
}

async function chart(recipe) {
  const lineChart = await chartMaker();
  const theirs = json(models, 'pytorch-curves.json')[recipe].epochs;
  const ours = lines(models, 'curves', `${recipe}.jsonl`);
  const text = lineChart({
    title: `${recipe}: percent of the test pictures, by epoch`,
    x: theirs.map((_, i) => i + 1),
    lines: [
      { name: 'bitplane', values: theirs.map((_, i) => ours[i]?.testAccuracy ?? null) },
      { name: 'PyTorch', values: theirs.map(([, , test]) => test) },
    ],
  });
  const standing = text.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ');
  return `${standing.replace('</title>', `</title>${STYLE}`)}\n`;
}

/** Every page that is made, whole, by its path. */
export async function pages() {
  const networks = kept();
  const made = new Map();
  const between = (path, text) => {
    const page = read(root, path);
    const [begin, end] = MARKS.map((mark) => page.indexOf(mark));
    if (begin < 0 || end < begin) throw new Error(`${path}: expected ${MARKS.join(' and ')}`);
    const head = page.slice(0, begin + MARKS[0].length);
    made.set(path, `${head}\n${text}\n${page.slice(end)}`);
  };
  between('README.md', summary(networks));
  for (const recipe of RECIPES) {
    const own = networks.filter((entry) => entry.recipe === recipe).map(network);
    const compared = existsSync(join(models, 'curves', `${recipe}.jsonl`));
    const parts = [...own, ...(compared ? [againstPyTorch(recipe)] : [])];
    const none = 'No training of this recipe is on record yet.';
    between(`docs/training/${recipe}.md`, parts.length === 0 ? none : parts.join('\n\n'));
    if (compared) made.set(`docs/training/${recipe}.svg`, await chart(recipe));
  }
  return made;
}

async function tables(check) {
  let stale = 0;
  for (const [path, text] of await pages()) {
    const file = join(root, path);
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
    stale++;
    if (check) console.log(`${path}: run node scripts/trained-models.mjs tables`);
    else writeFileSync(file, text);
  }
  if (check && stale > 0) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [command, first, second] = process.argv.slice(2);
  if (command === 'keep') keep(first, second);
  else if (command === 'curve') curve(first, second);
  else if (command === 'tables') await tables(first === '--check');
  else {
    console.error('expected keep OUT NAME, curve OUT RECIPE, or tables [--check]');
    process.exitCode = 2;
  }
}
