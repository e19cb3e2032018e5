// Predicts, without an ARM machine, the cost of the inner loops of the integer convolution, against
// what its multiplications alone take: smull and smlal one a cycle on Cortex-A72, sdot two a cycle
// on Cortex-A76; or what else fills the same pipes: logical instructions, cnt and uadalp of bit
// planes, one each of Cortex-A72's two; lookups and additions of bytes, one each of Neoverse N1's
// two (this is Cortex-A76, of which llvm-mca thinks as a Cortex-A57: three for a lookup); and smmla
// with the zips that bring pixels together, one each of Neoverse N2's two. llvm-mca 14 does not
// know these two. It compiles the real kernels with aarch64-linux-gnu-g++, cuts the inner loops of
// full tiles out of the assembly, and asks llvm-mca. Not a measurement: llvm-mca assumes that every
// load hits L1, and knows Cortex-A76 as a core that takes three instructions a cycle.
//
//   node bench/mca/neon-qconv.mjs [--json]
import { bodyOf, compile, count, cyclesOf, instructions, loopsOf, mcaOf } from './assembly.mjs';

const neon = 'native/kernels/qconv/qconv_neon.cc';
const dotprod = 'native/kernels/qconv/qconv_dotprod.cc';
const lookup = 'native/kernels/qconv/lookup_neon.cc';
const planes = 'native/kernels/qconv/planes_neon.cc';
const i8mm = 'native/kernels/qconv/qconv_i8mm.cc';
const march = {
  [dotprod]: ['-march=armv8.2-a+dotprod'],
  [i8mm]: ['-march=armv8.2-a+i8mm'],
};
const MULTIPLIES = ['smull', 'smull2', 'smlal', 'smlal2', 'sdot'];
// products: how many a loop has; by: the instructions that make them, per: products of one of them;
// busy: the instructions that fill so many pipes; passes: loops that make the same products, by the
// logical instructions that each has for every one of `by`.
const multiplied = { by: MULTIPLIES, busy: MULTIPLIES };
const mca = mcaOf(19);
const counted = {
  ...{ kernel: planes, tile: '9planeTileILi4E', by: ['cnt'], per: 128, products: 2048, pipes: 2 },
  busy: ['and', 'bic', 'eor', 'cnt', 'uadalp'],
};
const bits = [['and'], ['and'], ['bic'], ['bic']];
const signs = [['eor'], ['eor']];
const ternary = signs.map(() => ['eor', 'and']);
const a72 = { kernel: neon, cpu: 'cortex-a72', per: 8, pipes: 1, ...multiplied };
const a76 = { kernel: dotprod, cpu: 'cortex-a76', per: 16, pipes: 2, ...multiplied };
/** Which llvm-mca has a model of Neoverse N2, the core of Cortex-A710. */
const n2 = {
  ...{ kernel: i8mm, cpu: 'neoverse-n2', per: 32, pipes: 2, mca },
  busy: ['smmla', 'usmmla', 'zip1', 'zip2'],
};
const n1 = { ...{ cpu: 'neoverse-n1', pipes: 2, mca }, by: ['tbl'], busy: ['tbl', 'add'] };
const loops = [
  { ...a72, name: 'Smlal', tile: '4tile.*SmlalE?Li1ELi4E', products: 256 },
  { ...a72, name: 'Smull', tile: '4tile.*SmullE?Li1ELi4E', products: 256 },
  { ...a76, name: 'Sdot', tile: '4tile.*SdotE?Li4ELi5E', products: 1280 },
  { ...n2, name: 'Smmla', tile: '8pairTile.*5SmmlaE?Li4ELi4E', by: ['smmla'], products: 1024 },
  { ...n2, name: 'Usmmla', tile: '8pairTile.*6UsmmlaE?Li4ELi4E', by: ['usmmla'], products: 1024 },
  ...['cortex-a72', 'cortex-a76'].flatMap((cpu) => [
    { ...counted, cpu, name: 'W1A2 planes', passes: signs },
    { ...counted, cpu, name: 'W2A2 planes', passes: bits },
    { ...counted, cpu, name: 'W2A2 planes, ternary weights', passes: ternary },
  ]),
  {
    ...{ ...n1, kernel: lookup, name: 'W1A2 lookup', tile: '10lookupTile.*Li4ELi4ELi4E' },
    ...{ per: 64, products: 4096 },
  },
];

const all = (lines, mnemonics) =>
  mnemonics.reduce((sum, mnemonic) => sum + count(lines, mnemonic), 0);
/** Additions of addresses are no vector instructions. */
const isVector = (line) => !/^\tadd\t[xw]/.test(line);
const LOGICAL = ['and', 'bic', 'eor'];

function predict({ kernel, name, tile, cpu, products, per, by, busy, pipes, mca, passes = [[]] }) {
  const assembly = compile(kernel, march[kernel]);
  const body = bodyOf(assembly, new RegExp(tile), kernel);
  const loops = loopsOf(body)
    .map(({ from, to }) => body.slice(from, to))
    .sort((a, b) => a.length - b.length)
    .filter((lines) => all(lines, by) * per === products);
  const row = { kernel, name, cpu, products, instructions: 0, cycles: 0, bound: 0 };
  for (const logical of passes) {
    const loop = loops.find(
      (lines) =>
        passes.length === 1 ||
        LOGICAL.every(
          (each) => count(lines, each) === (logical.includes(each) ? all(lines, by) : 0),
        ),
    );
    if (!loop) throw new Error(`${kernel}: expected a loop of ${products} products but found none`);
    const lines = instructions(loop);
    row.instructions += lines.length;
    row.cycles += cyclesOf(lines, cpu, mca);
    row.bound += all(lines.filter(isVector), busy) / pipes;
  }
  return row;
}

function main(args) {
  const rows = loops.filter((loop) => !('mca' in loop) || loop.mca).map(predict);
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
