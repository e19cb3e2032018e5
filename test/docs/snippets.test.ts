/**
 * Every fenced block of README and docs: TypeScript is compiled against the package's types and
 * run; command lines have options that exist, and programs that are there. Models and pictures that
 * a block needs are made here. Not here: pages that are one program (./training.test.ts,
 * ./methods.test.ts), the walks from PyTorch and larq (./walks.test.ts).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.js';
import { cli, fakeIo, writeDenseModel } from '../cli/cli.js';
import { temporaryFolder } from '../data/fixtures.js';
import { writeFixtures } from './snippet-fixtures.js';
import { blocksOf, commandsOf, ROOT, wordsOf } from './snippets.js';

/** A program: blocks of a page, by their numbers among those of code, and what stands before. */
interface Program {
  readonly page: string;
  readonly blocks: readonly number[];
  /** What the page takes for granted. */
  readonly before?: string;
  /** What calls what it declares. */
  readonly after?: string;
  /** What it says on the console, where that is told. */
  readonly says?: RegExp;
}

const BITPLANE = (names: string) => `import { ${names} } from 'bitplane';\n`;

const PROGRAMS: readonly Program[] = [
  { page: 'README.md', blocks: [0], says: /^\[\{"index":\d,"label":"\w+","score":0\.\d+\}/ },
  { page: 'README.md', blocks: [1], before: 'const pixels = new Float32Array(16 * 3 * 32 * 32);' },
  { page: 'README.md', blocks: [2], before: 'const bits = new Uint8Array(64 * 3 * 3 * 8);' },
  { page: 'README.md', blocks: [3], says: /parameters/ },
  {
    page: 'README.md',
    blocks: [4],
    // Thirty epochs are not waited for: docs/training.md trains.
    before: `${BITPLANE('data as all, fit as train30, nn, saveModel, train')}
const net = nn.model({ input: { name: 'image', shape: ['N', 24, 24, 3] } },
  nn.sequential([nn.flatten(), nn.dense({ units: 8 })]));
const data = { shapes: () => all.shapes({ train: 100, test: 8 }) };
const fit: typeof train30 = async (net, sets, options) =>
  train30(net, sets, { ...options, epochs: 1, batchSize: 50 });`,
  },
  {
    page: 'README.md',
    blocks: [5],
    before: `${BITPLANE('loadModel, quant')}
const batches = [{ image: new Float32Array(3 * 32 * 32).map((_, i) => Math.sin(i)) }];`,
  },
  {
    page: 'README.md',
    blocks: [6, 7],
    before: `${BITPLANE('GraphBuilder, readTensors, Session, StateStore, Tensor, writeTensors')}
const h = new GraphBuilder();
const shared = h.state(new Tensor('f32', new Float32Array(7840), [10, 784]), { name: 'w' });
const network = h.graph([], { sum: h.reduce(shared, 'sum', [0, 1]) });`,
  },
  { page: 'docs/getting-started.md', blocks: [0], says: /^\w+ [01]\.\d{3}\n\w+ [01]\.\d{3}\n/ },
  {
    page: 'docs/inference.md',
    blocks: [0],
    before: "import { readFileSync } from 'node:fs';",
    after: "console.log((await label(readFileSync('shapes/pictures/star.png'))).length);",
    says: /^5$/,
  },
  {
    page: 'docs/inference.md',
    blocks: [1],
    before: "import { readFileSync } from 'node:fs';",
    after: `const body = readFileSync('shapes/pictures/star.png', 'base64');
console.log((await handler({ body })).statusCode);`,
    says: /^200$/,
  },
  {
    page: 'docs/inference.md',
    blocks: [2],
    before: 'Object.assign(process, { parentPort: { on: () => 0, postMessage: () => 0 } });',
  },
  { page: 'docs/inference.md', blocks: [3], says: /^\[2,8\]$/ },
  {
    page: 'docs/inference.md',
    blocks: [4],
    before: "import { imageToTensor, recipeOf, Session } from 'bitplane';",
    after: `const session = await Session.create('shapes/model.safetensors');
await session.run({ image: await imageToTensor('shapes/pictures/star.png', recipeOf(session)) });
tracingChannel('bitplane:run').unsubscribe(watch);`,
    says: /^\d+(\.\d+)?$/,
  },
  { page: 'docs/memory.md', blocks: [0], says: /^8$/ },
  { page: 'docs/memory.md', blocks: [1], says: /packedBytes/ },
  { page: 'docs/errors.md', blocks: [0], says: /^ERR_IO \S*no-such-file\.onnx$/ },
  {
    page: 'docs/layers.md',
    blocks: [0],
    before: 'const pixels = new Float32Array(32 * 32 * 3);',
    says: /parameters/,
  },
  {
    page: 'docs/quantization.md',
    blocks: [0],
    before: 'const batches = [{ image: new Float32Array(3072).map((_, i) => Math.sin(i)) }];',
  },
  { page: 'docs/quantization.md', blocks: [1], before: BITPLANE('nn, zoo') },
  {
    page: 'docs/recipes.md',
    blocks: [0],
    before: `${BITPLANE('loadModel, recipeOf, saveModel, Session')}
const labels = ['tench', 'goldfish'];`,
  },
  { page: 'docs/recipes.md', blocks: [1] },
  { page: 'docs/recipes.md', blocks: [2] },
  {
    page: 'docs/zoo.md',
    blocks: [0],
    before: `${BITPLANE('readTensors, Tensor, writeTensors, zoo')}
const release: Record<string, Tensor<'f32'>> = {};
for (const [name, { data, shape }] of Object.entries(zoo.exampleState(zoo.reActNetA()))) {
  // Where the authors have several tensors, ours is one above the other.
  const [theirs = []] = zoo.namesIn(zoo.REACT_NET_A_NAMES, name);
  const [o, kh, kw, i] = shape;
  const rest = i === undefined ? shape.slice(1) : [i, kh!, kw!];
  const size = data.length / theirs.length;
  for (const [part, own] of theirs.entries())
    release[own] = new Tensor('f32', data.slice(part * size, (part + 1) * size),
      [o! / theirs.length, ...rest]);
}
await writeTensors(release, 'reactnet.safetensors');`,
  },
  { page: 'docs/onnx.md', blocks: [0] },
  {
    page: 'docs/onnx.md',
    blocks: [1],
    before: `${BITPLANE('loadModel, Session, Tensor')}
const pixels = new Float32Array(3 * 48 * 192);`,
  },
  { page: 'SECURITY.md', blocks: [0], before: BITPLANE('Session') },
];

/** Pages whose code other tests run, or is no program. */
const ELSEWHERE = /^docs\/(training|models-in-and-out|methods\/\w+|api\/\w+)\.md$/;

const PAGES = [
  ...['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md'],
  ...readdirSync(`${ROOT}/docs`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`),
];

const isCode = ({ language }: { language: string }) => ['ts', 'js'].includes(language);
const codeOf = (page: string) => blocksOf(page).filter(isCode);
const built = existsSync(`${ROOT}/dist/index.d.ts`);
if (!built) console.warn('SKIPPED, dist/ is not built: the snippets of the documentation');

test('a block of code is run by no test', () => {
  for (const page of PAGES.filter((name) => !ELSEWHERE.test(name))) {
    const run = PROGRAMS.filter((program) => program.page === page).flatMap(({ blocks }) => blocks);
    expect([...run].sort(), page).toEqual(codeOf(page).map((_, i) => i));
  }
});

describe.skipIf(!built)('code', { timeout: 60_000 }, () => {
  /** Within the package, so that its own name is found. */
  const folder = join(ROOT, 'build', `snippets-${process.pid}`);
  const nameOf = ({ page, blocks }: Program) => `${page.replace(/\W/g, '-')}-${blocks.join('-')}`;
  const textOf = ({ page, blocks, before = '', after = '' }: Program) =>
    `${[before, ...blocks.map((i) => codeOf(page)[i]?.code), after].join('\n')}\nexport {};\n`;

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    for (const program of PROGRAMS) {
      const text = textOf(program);
      writeFileSync(join(folder, `${nameOf(program)}.ts`), text);
      const options = { loader: 'ts', target: 'es2022', format: 'esm' } as const;
      writeFileSync(join(folder, `${nameOf(program)}.mjs`), (await transform(text, options)).code);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('a snippet does not compile', () => {
    const config = {
      extends: '../../tsconfig.json',
      compilerOptions: {
        noUnusedLocals: false,
        types: ['node'],
        typeRoots: ['../../node_modules/@types'],
      },
      include: ['*.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  test('a snippet does not run, or says something else', async () => {
    const here = temporaryFolder();
    await writeFixtures(here);
    const names = PROGRAMS.map(nameOf);
    // One process for all: what one says on the console is a line of JSON.
    const all = `let said = [];
      const text = (part) => (typeof part === 'object' ? JSON.stringify(part) : String(part));
      const write = console.log;
      console.log = (...parts) => said.push(parts.map(text).join(' '));
      console.table = () => undefined;
      for (const name of ${JSON.stringify(names)}) {
        said = [];
        await import('./' + name + '.mjs').catch((error) => said.push(error.stack));
        write(JSON.stringify([name, said.join('\\n')]));
      }`;
    writeFileSync(join(folder, 'all.mjs'), all);
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'all.mjs')], {
      cwd: here,
      encoding: 'utf8',
      env: { ...process.env, BITPLANE_DATA: here },
    });
    expect(stderr).toBe('');
    const said = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as [string, string]),
    );
    expect([...said.keys()]).toEqual(names);
    for (const program of PROGRAMS) {
      const text = said.get(nameOf(program));
      expect(text, nameOf(program)).not.toMatch(/^\w*Error: .*\n +at /m);
      if (program.says !== undefined) expect(text, nameOf(program)).toMatch(program.says);
    }
  });
});

describe('command lines', () => {
  const program = buildProgram(fakeIo(), fakeIo(), () => undefined);
  for (const command of program.commands) command.action(() => undefined);
  const scripts = Object.keys(JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')).scripts);
  /** Programs that are not ours. */
  const OTHERS = new Set([
    'apt-get',
    'cat',
    'cmake',
    'cp',
    'curl',
    'echo',
    'export',
    'ffmpeg',
    'mkdir',
    'mv',
    'source',
    'tar',
    'tee',
  ]);

  const all = PAGES.flatMap((page) =>
    blocksOf(page)
      .filter(({ language }) => language === 'sh' || language === '')
      .flatMap((block) => commandsOf(block).map((line) => [block.place, line] as const)),
  );

  test('there are none', () => expect(all.length).toBeGreaterThan(40));

  test.each(all)('%s names what does not exist: %s', async (_, line) => {
    for (const part of line.replace(/\s>\s.*$/, '').split(/\s\|\s|\s&&\s/)) {
      const [first, ...words] = wordsOf(part.replace(/^(sudo|env \S+) /, '')) as [
        string,
        ...string[],
      ];
      const [word, ...rest] = first === 'npx' ? words : [first, ...words];
      // RECIPE stands for any recipe, and a|b is a choice: no command line as one would type it.
      if (/\bRECIPE\b|\w\|\w|\[options\]/.test(part)) continue;
      if (word === 'bitplane') await parses(program, rest);
      else if (word === 'npm' && rest[0] === 'run') expect(scripts).toContain(rest[1]);
      else if (word === 'npm') expect(['install', 'init', 'test', 'pack']).toContain(rest[0]);
      else if (word === 'node') expect(exists(rest[0] as string), rest[0]).toBe(true);
      else expect(OTHERS, line).toContain(word);
    }
  });

  test('a shown run of bench has other columns than bench prints', async () => {
    const heads = (text: string) =>
      [...text.matchAll(/^(engine .*)\n-+ /gm)].map(([, line]) => (line as string).split(/ {2,}/));
    const { stdout } = await cli(
      'bench',
      await writeDenseModel(temporaryFolder(), 1),
      '--repeat',
      '1',
    );
    const [printed] = heads(stdout);
    expect(printed).toContain('median');
    const shown = PAGES.flatMap((page) => blocksOf(page)).filter(({ code }) =>
      /^\$ bitplane bench (?!kernels)/m.test(code),
    );
    expect(shown.length).toBeGreaterThan(0);
    for (const { place, code } of shown) expect(heads(code), place).toEqual([printed]);
  });

  function exists(script: string): boolean {
    return [script, `examples/${script}`].some((path) => existsSync(`${ROOT}/${path}`));
  }
});

/** Options and their values are those of a command; nothing runs. */
async function parses(program: Command, words: readonly string[]): Promise<void> {
  try {
    await program.parseAsync([...words], { from: 'user' });
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'commander.helpDisplayed' && code !== 'commander.version')
      throw new Error(message);
  }
}
