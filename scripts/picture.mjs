#!/usr/bin/env node
/**
 * Draws the picture of README, docs/picture.svg: size and time of a binary network beside the float
 * one in onnxruntime, from a run of the benchmark. Every number in it is a row of that run.
 *
 *   npm run picture              runs `bench networks` (minutes; on a quiet machine) and draws it
 *   npm run picture -- FILE      draws a run that was kept: what `npm run bench -- networks --json`
 *                                printed
 *
 * The rows that the picture needs are kept beside it, in docs/picture.json.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The rows of the benchmark that are drawn. */
const ROWS = {
  time: 'Bi-Real-18, one thread',
  fp32: 'onnxruntime fp32 ResNet-18 / Bi-Real-18',
  int8: 'onnxruntime int8 ResNet-18 / Bi-Real-18',
  size: 'Bi-Real-18: file',
  floatSize: 'ResNet-18: ONNX file of floats',
};

/** What of a run the picture needs. @throws Error naming a row that the run has not */
export function picked({ machine, results }) {
  const rows = results.flatMap((result) => result.rows);
  const kept = Object.values(ROWS).map((what) => {
    const row = rows.find((one) => one.what === what);
    if (row === undefined) throw new Error(`the run has no row "${what}"`);
    return { what, value: row.value, unit: row.unit };
  });
  return { machine, results: [{ workload: 'networks', rows: kept }] };
}

/** The picture as SVG text; its colours follow the reader's scheme. */
export function drawn({ machine, results }) {
  const value = (what) => results[0].rows.find((row) => row.what === what).value;
  const ms = value(ROWS.time);
  const panels = [
    {
      title: 'time of a 224×224 picture, one thread',
      bars: [
        ['onnxruntime, fp32 ResNet-18', ms * value(ROWS.fp32), (v) => `${v.toFixed(1)} ms`],
        ['onnxruntime, int8 ResNet-18', ms * value(ROWS.int8), (v) => `${v.toFixed(1)} ms`],
        ['bitplane, Bi-Real-18 (1 bit)', ms, (v) => `${v.toFixed(1)} ms`],
      ],
    },
    {
      title: 'size of the file',
      bars: [
        ['fp32 ResNet-18', value(ROWS.floatSize), (v) => `${v.toFixed(1)} MB`],
        ['Bi-Real-18 (1 bit)', value(ROWS.size), (v) => `${v.toFixed(1)} MB`],
      ],
    },
  ];
  const [left, plot, bar, width] = [240, 400, 26, 730];
  const parts = [];
  let y = 24;
  for (const { title, bars } of panels) {
    parts.push(`<text class="h" x="0" y="${y}">${inXml(title)}</text>`);
    y += 12;
    const most = Math.max(...bars.map(([, number]) => number));
    for (const [i, [label, number, show]] of bars.entries()) {
      const length = ((number / most) * plot).toFixed(1);
      const ours = i === bars.length - 1 ? ' class="ours"' : '';
      parts.push(
        `<text x="${left - 10}" y="${y + 17}" text-anchor="end">${inXml(label)}</text>`,
        `<rect${ours} x="${left}" y="${y + 3}" width="${length}" height="${bar - 8}" rx="3"/>`,
        `<text x="${left + Number(length) + 8}" y="${y + 17}">${show(number)}</text>`,
      );
      y += bar;
    }
    y += 30;
  }
  parts.push(`<text class="s" x="0" y="${y - 8}">${inXml(machine)}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" \
height="${y}" role="img" aria-label="${inXml(spoken(panels))}">
<style>
text{font:14px system-ui,sans-serif;fill:#1b1f24}.h{font-weight:600}.s{font-size:12px;opacity:.7}
rect{fill:#8a949e}rect.ours{fill:#3b6fb6}
@media (prefers-color-scheme:dark){text{fill:#e6e8ea}rect{fill:#6c757d}rect.ours{fill:#7aa7e6}}
</style>
${parts.join('\n')}
</svg>
`;
}

/** For those who do not see the picture. */
const spoken = (panels) =>
  panels
    .map(
      ({ title, bars }) => `${title}: ${bars.map(([a, n, show]) => `${a} ${show(n)}`).join(', ')}`,
    )
    .join('; ');

const inXml = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** A run of the benchmark, here and now. */
function measured() {
  const { status, stdout } = spawnSync(
    process.execPath,
    [join(root, 'scripts', 'bench.mjs'), 'networks', '--json'],
    { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Error('the benchmark failed');
  return JSON.parse(stdout.slice(stdout.indexOf('{')));
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const file = process.argv[2];
  const run = picked(file === undefined ? measured() : JSON.parse(readFileSync(file, 'utf8')));
  writeFileSync(join(root, 'docs', 'picture.json'), `${JSON.stringify(run, null, 2)}\n`);
  writeFileSync(join(root, 'docs', 'picture.svg'), drawn(run));
  console.log('wrote docs/picture.json and docs/picture.svg');
}
