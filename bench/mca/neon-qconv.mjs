// Predicts, without an ARM machine, the cost of the inner loops of the integer convolution, against
// what its multiplications alone take: smull and smlal one a cycle on Cortex-A72, sdot two a cycle
// on Cortex-A76; or what else fills the same pipes: lookups and additions of bytes, three
// operations and one of Cortex-A72's two, and smmla with the zips that bring pixels together, one
// each of Neoverse N2's two, which llvm-mca 14 does not know. It compiles the real kernels with
// aarch64-linux-gnu-g++, cuts the inner loops of full tiles out of the assembly, and asks llvm-mca.
// Not a measurement: llvm-mca assumes that every load hits L1, and knows Cortex-A76 as a core that
// takes three instructions a cycle.
//
//   node bench/mca/neon-qconv.mjs [--json]
import { bodyOf, compile, count, cyclesOf, instructions, loopsOf, mcaOf } from './assembly.mjs';

const neon = 'native/kernels/qconv/qconv_neon.cc';
const dotprod = 'native/kernels/qconv/qconv_dotprod.cc';
const lookup = 'native/kernels/qconv/lookup_neon.cc';
const i8mm = 'native/kernels/qconv/qconv_i8mm.cc';
const march = {
  [dotprod]: ['-march=armv8.2-a+dotprod'],
  [i8mm]: ['-march=armv8.2-a+i8mm'],
};
const MULTIPLIES = ['smull', 'smull2', 'smlal', 'smlal2', 'sdot'];
// products: how many a loop has; by: the instructions that make them, per: products of one of them;
// busy: the instructions that fill so many pipes, and the operations of each.
const multiplied = { by: MULTIPLIES, busy: MULTIPLIES.map((name) => [name, 1]) };
const lookedUp = {
  ...{ kernel: lookup, cpu: 'cortex-a72', by: ['tbl'], pipes: 2 },
  busy: [
    ['tbl', 3],
    ['add', 1],
  ],
};
const a72 = { kernel: neon, cpu: 'cortex-a72', per: 8, pipes: 1, ...multiplied };
const a76 = { kernel: dotprod, cpu: 'cortex-a76', per: 16, pipes: 2, ...multiplied };
/** Which llvm-mca has a model of Neoverse N2, the core of Cortex-A710. */
const n2 = {
  ...{ kernel: i8mm, cpu: 'neoverse-n2', per: 32, pipes: 2, mca: mcaOf(19) },
  busy: ['smmla', 'usmmla', 'zip1', 'zip2'].map((name) => [name, 1]),
};
const loops = [
  { ...a72, name: 'Smlal', tile: '4tile.*SmlalE?Li1ELi4E', products: 256 },
  { ...a72, name: 'Smull', tile: '4tile.*SmullE?Li1ELi4E', products: 256 },
  { ...a76, name: 'Sdot', tile: '4tile.*SdotE?Li4ELi5E', products: 1280 },
  { ...n2, name: 'Smmla', tile: '8pairTile.*5SmmlaE?Li4ELi4E', by: ['smmla'], products: 1024 },
  { ...n2, name: 'Usmmla', tile: '8pairTile.*6UsmmlaE?Li4ELi4E', by: ['usmmla'], products: 1024 },
  { ...lookedUp, name: 'W1A2 lookup', tile: '10lookupTile.*Li4ELi4ELi4E', per: 64, products: 4096 },
  { ...lookedUp, name: 'W2A2 lookup', tile: '10lookupTile.*Li2ELi4ELi4E', per: 32, products: 2048 },
];

const all = (lines, mnemonics) =>
  mnemonics.reduce((sum, mnemonic) => sum + count(lines, mnemonic), 0);
const operations = (lines, busy) =>
  busy.reduce((sum, [mnemonic, each]) => sum + each * count(lines, mnemonic), 0);
/** Additions of addresses are no vector instructions. */
const isVector = (line) => !/^\tadd\t[xw]/.test(line);

function predict({ kernel, name, tile, cpu, products, per, by, busy, pipes, mca }) {
  const assembly = compile(kernel, march[kernel]);
  const body = bodyOf(assembly, new RegExp(tile), kernel);
  const loop = loopsOf(body)
    .map(({ from, to }) => body.slice(from, to))
    .sort((a, b) => a.length - b.length)
    .find((lines) => all(lines, by) * per === products);
  if (!loop) throw new Error(`${kernel}: expected a loop of ${products} products but found none`);
  const lines = instructions(loop);
  const cycles = cyclesOf(lines, cpu, mca);
  const bound = operations(lines.filter(isVector), busy) / pipes;
  return { kernel, name, cpu, products, instructions: lines.length, cycles, bound };
}

function main(args) {
  const rows = loops.filter(({ cpu }) => cpu !== n2.cpu || n2.mca).map(predict);
  if (args.includes('--json')) {
    console.log(JSON.stringify({ rows }));
    return;
  }
  for (const row of rows) {
    const share = ((100 * row.bound) / row.cycles).toFixed(1);
    console.log(
      `${row.name} on ${row.cpu}: ${row.products} multiply-adds in ${row.instructions} ` +
        `instructions, ${row.cycles.toFixed(1)} cycles, ${share} % of the bound ${row.bound}`,
    );
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
