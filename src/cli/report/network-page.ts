/**
 * The page of `bitplane inspect --html`: a network from its inputs to its outputs, a row a node,
 * with lines from each node to those that read it, its bits by colour, its share of the cost, and a
 * search. Not here: what the nodes are (../network-nodes.ts).
 */
import type { DType } from '../../core/dtype.js';
import type { Macs } from '../../ops/op.js';
import { bytes, count, percent } from '../format.js';
import { type Lanes, lanesOf } from './lanes.js';
import { htmlFacts, page } from './page.js';
import { escapeHtml } from './svg.js';

export interface NetworkNode {
  readonly name: string;
  readonly op: string;
  readonly dtype: DType;
  readonly shape: string;
  /** The nodes that it reads, by their places; all before its own. */
  readonly from: readonly number[];
  /** Dtype and shape of what it reads beside them. */
  readonly constants: readonly string[];
  readonly weightDtype: DType | null;
  /** Of one image. */
  readonly macs: Macs;
  /** On disk. */
  readonly weightBytes: number;
  readonly kernel: string | null;
  /** The outputs of the network that it is. */
  readonly outputs: readonly string[];
}

export interface NetworkPage {
  readonly title: string;
  readonly about: readonly (readonly [name: string, value: string])[];
  readonly nodes: readonly NetworkNode[];
}

/** Height of a row, in pixels; the lines beside the rows count on it. */
const ROW = 46;
const LANE = 14;
/** All lanes together are at most this wide. */
const RAIL = 98;
const EDGE = 9;

/** The kinds of bits that have a colour. */
const KINDS = [
  ['k1', '1 bit'],
  ['k4', '2 to 4 bits'],
  ['k8', '5 to 8 bits'],
  ['ki', 'i32'],
  ['kf', 'f32'],
] as const;

const STYLE = `
:root{--k1:#b3261e;--k4:#b8860b;--k8:#2f7d4f;--ki:#7350b5;--kf:#3b6fb6;--hit:#fff3bf}
@media (prefers-color-scheme:dark){:root{--k1:#ff8a80;--k4:#e8c266;--k8:#79c79b;--ki:#b79df0;
--kf:#7aa7e6;--hit:#4a4216}}
.find{position:sticky;top:0;background:var(--bg);padding:.5rem 0;display:flex;gap:.75rem;z-index:1;
align-items:center}
.find input{flex:1;min-width:0;font:inherit;color:inherit;background:transparent;
padding:.4rem .6rem;border:1px solid var(--line);border-radius:6px}
.key span{display:inline-block;margin-right:1rem}
.key span::before,.net li button::before{content:"";display:inline-block;width:9px;height:9px;
border-radius:50%;background:var(--k);margin-right:.4rem}
.k1{--k:var(--k1)}.k4{--k:var(--k4)}.k8{--k:var(--k8)}.ki{--k:var(--ki)}.kf{--k:var(--kf)}
.net{position:relative}.net svg{position:absolute;left:0;top:0;max-width:none;pointer-events:none}
.net svg path{fill:none;stroke:var(--k);stroke-width:1.5;opacity:.75}
.net svg path.on{stroke-width:4;opacity:1}.net svg circle{fill:var(--k)}
.net ol{list-style:none;margin:0;padding:0}
.net li{height:${ROW}px;content-visibility:auto;contain-intrinsic-size:auto ${ROW}px}
.net li button{all:unset;box-sizing:border-box;display:block;width:100%;height:100%;cursor:pointer;
padding:3px 4px;position:relative;border-bottom:1px solid var(--line)}
.net li button::before{display:none}
.net li button:focus-visible{outline:2px solid var(--kf)}
.net li button span{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;
line-height:19px}
.net .what{font-size:12px;opacity:.8}.net b{font-weight:600}
.net em{font-style:normal;color:var(--k)}
.net i{position:absolute;bottom:0;left:0;height:3px;background:var(--k)}
.net li.hit{background:var(--hit)}.net li.dim{opacity:.45}
.net li.open{outline:2px solid var(--k);outline-offset:-2px}
.more{display:none}
#sheet{position:fixed;left:0;right:0;bottom:0;max-height:45vh;overflow:auto;background:var(--bg);
border-top:2px solid var(--line);padding:.5rem 1rem 1rem;z-index:2;box-sizing:border-box}
#sheet[hidden]{display:none}
#sheet dl{margin:0;display:grid;grid-template-columns:auto 1fr;gap:.1rem 1rem}
#sheet dt{opacity:.7}#sheet dd{margin:0;overflow-wrap:anywhere;min-width:0}#sheet a{color:var(--kf)}
#sheet .close{float:right;font:inherit;color:inherit;background:none;border:1px solid var(--line);
border-radius:6px}
body.sheet{padding-bottom:50vh}
`;

const SCRIPT = `
const rows = [...document.querySelectorAll('.net li')];
const box = document.querySelector('.find input'), found = document.querySelector('.find output');
const sheet = document.querySelector('#sheet'), inside = sheet.querySelector('div');
let hits = [], at = 0;
const open = (row) => {
  for (const old of document.querySelectorAll('.net .open, .net .on')) {
    old.classList.remove('open', 'on');
  }
  document.body.classList.toggle('sheet', row !== undefined);
  sheet.hidden = row === undefined;
  if (row === undefined) return;
  row.classList.add('open');
  const n = row.id.slice(1);
  const ends = '.net [data-a="' + n + '"], .net [data-b="' + n + '"]';
  for (const line of document.querySelectorAll(ends)) line.classList.add('on');
  inside.replaceChildren(row.querySelector('.more').firstElementChild.cloneNode(true));
};
const go = (row) => { open(row); row.scrollIntoView({ block: 'center' }); };
document.querySelector('.net').addEventListener('click', (event) => {
  const row = event.target.closest('li');
  if (row) open(row.classList.contains('open') ? undefined : row);
});
sheet.addEventListener('click', (event) => {
  const link = event.target.closest('a');
  if (link) { event.preventDefault(); go(document.getElementById(link.hash.slice(1))); }
  if (event.target.closest('.close')) open();
});
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') open(); });
box.addEventListener('input', () => {
  const text = box.value.trim().toLowerCase();
  hits = []; at = -1;
  for (const row of rows) {
    const hit = text !== '' && row.dataset.text.includes(text);
    row.classList.toggle('hit', hit);
    row.classList.toggle('dim', text !== '' && !hit);
    if (hit) hits.push(row);
  }
  found.value = text === '' ? '' : hits.length + ' of ' + rows.length;
  if (hits.length > 0) hits[0].scrollIntoView({ block: 'center' });
});
box.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || hits.length === 0) return;
  at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length;
  go(hits[at]);
});
`;

export function networkPage({ title, about, nodes }: NetworkPage): string {
  const lanes = lanesOf(nodes.map(({ from }) => from));
  const step = Math.min(LANE, RAIL / lanes.count);
  const rail = Math.ceil(EDGE * 2 + (lanes.count - 1) * step);
  const costs = nodes.map(operations);
  const most = costs.reduce((a, b) => Math.max(a, b), 0);
  const all = costs.reduce((a, b) => a + b, 0);
  const rows = costs.map((cost, i) => {
    return row(nodes, i, {
      width: most === 0 ? 0 : cost / most,
      share: all === 0 ? 0 : cost / all,
    });
  });
  const key = KINDS.map(([kind, text]) => `<span class="${kind}">${text}</span>`).join('');
  const body = `<div class="find">
<input type="search" placeholder="Search ${nodes.length} nodes" aria-label="Search nodes">
<output></output></div>
<p class="key">${key}</p>
<p>A bar is a node's share of the operations, BOPs / 64 + FLOPs.</p>
<div class="net">${drawing(nodes, lanes, step, rail)}
<ol style="margin-left:${rail}px">${rows.join('\n')}</ol></div>
<div id="sheet" hidden><button class="close">close</button><div></div></div>`;
  return page(
    title,
    [
      { title: 'Summary', body: htmlFacts(about) },
      { title: 'Network', body },
    ],
    { style: STYLE, script: SCRIPT },
  );
}

/** As the papers on binary networks count. */
function operations({ macs }: NetworkNode): number {
  return macs.binary / 64 + macs.integer + macs.float;
}

function drawing(nodes: readonly NetworkNode[], lanes: Lanes, step: number, rail: number): string {
  const x = (row: number) => round(EDGE + (lanes.lane[row] as number) * step);
  const y = (row: number) => row * ROW + ROW / 2;
  const lines = nodes.flatMap(({ from }, row) =>
    from.map((above) => {
      const [a, b, end] = [x(above), x(row), y(row)];
      // A value runs down its own lane, and bends to its reader in the reader's row.
      const bend = a === b ? '' : `V${end - 30}C${a} ${end - 12} ${b} ${end - 18} ${b} ${end}`;
      const path = `M${a} ${y(above)}${bend === '' ? `V${end}` : bend}`;
      const kind = kindOf((nodes[above] as NetworkNode).dtype);
      return `<path class="${kind}" data-a="${above}" data-b="${row}" d="${path}"/>`;
    }),
  );
  const dots = nodes.map(
    ({ dtype }, row) => `<circle class="${kindOf(dtype)}" cx="${x(row)}" cy="${y(row)}" r="4.5"/>`,
  );
  const height = nodes.length * ROW;
  return (
    `<svg viewBox="0 0 ${rail} ${height}" width="${rail}" height="${height}" aria-hidden="true">` +
    `${lines.join('')}${dots.join('')}</svg>`
  );
}

function row(
  nodes: readonly NetworkNode[],
  place: number,
  { width, share }: { readonly width: number; readonly share: number },
): string {
  const node = nodes[place] as NetworkNode;
  const { name, op, dtype, shape, weightDtype, kernel, outputs } = node;
  const types = weightDtype === null ? dtype : `${weightDtype} weights, ${dtype}`;
  const text = [name, op, types, kernel ?? '', ...outputs].join(' ').toLowerCase();
  const said = outputs.length === 0 ? '' : ` = ${outputs.join(', ')}`;
  const cost = [macsText(node.macs), share >= 0.0001 ? percent(100 * share) : '']
    .filter((part) => part !== '')
    .join(', ');
  return (
    `<li id="n${place}" class="${kindOf(weightDtype ?? dtype)}" data-text="${escapeHtml(text)}">` +
    `<button><span><b>${escapeHtml(name)}</b>${escapeHtml(said)} ${escapeHtml(op)}</span>` +
    `<span class="what"><em>${escapeHtml(types)}</em> ${escapeHtml(shape)}` +
    `${cost === '' ? '' : ` &middot; ${escapeHtml(cost)}`}</span>` +
    `<i style="width:${round(100 * width)}%"></i></button>` +
    `<div class="more">${details(nodes, place, cost)}</div></li>`
  );
}

function details(nodes: readonly NetworkNode[], place: number, cost: string): string {
  const node = nodes[place] as NetworkNode;
  const link = (to: number) =>
    `<a href="#n${to}">${escapeHtml((nodes[to] as NetworkNode).name)}</a>`;
  const entries: (readonly [string, string])[] = [
    ['name', escapeHtml(node.name)],
    ['op', escapeHtml(node.op)],
    ['result', escapeHtml(`${node.dtype} ${node.shape}`)],
    ['reads', node.from.map(link).join(', ')],
    ['constants', escapeHtml(node.constants.join(', '))],
    ['output', escapeHtml(node.outputs.join(', '))],
    ['kernel', escapeHtml(node.kernel ?? '')],
    ['MACs', escapeHtml(cost)],
    ['weights', node.weightBytes === 0 ? '' : bytes(node.weightBytes)],
  ];
  const lines = entries
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`);
  return `<dl>${lines.join('')}</dl>`;
}

function macsText({ binary, integer, float }: Macs): string {
  const parts = [
    [binary, 'binary'],
    [integer, 'integer'],
    [float, 'float'],
  ] as const;
  return parts.flatMap(([macs, kind]) => (macs === 0 ? [] : [`${count(macs)} ${kind}`])).join(', ');
}

function kindOf(dtype: DType): (typeof KINDS)[number][0] {
  if (dtype === 'f32') return 'kf';
  if (dtype === 'i32') return 'ki';
  const bits = Number(dtype.slice(1));
  return bits === 1 ? 'k1' : bits <= 4 ? 'k4' : 'k8';
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
