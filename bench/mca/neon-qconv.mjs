// Predicts, without an ARM machine, the cost of the inner loops of the integer convolution, against
// what its multiplications alone take: smull and smlal one a cycle on Cortex-A72, sdot two a cycle
// on Cortex-A76. It compiles the real kernels with aarch64-linux-gnu-g++, cuts the inner loops of
// full tiles out of the assembly, and asks llvm-mca. Not a measurement: llvm-mca assumes that every
// load hits L1, and knows Cortex-A76 as a core that takes three instructions a cycle.
//
//   node bench/mca/neon-qconv.mjs [--json]
import { bodyOf, compile, count, cyclesOf, instructions, loopsOf } from './assembly.mjs';

const neon = 'native/kernels/qconv/qconv_neon.cc';
const dotprod = 'native/kernels/qconv/qconv_dotprod.cc';
const march = ['-march=armv8.2-a+dotprod'];
// products: how many a loop multiplies; per: of one multiplication; pipes: for multiplications.
const loops = [
  { kernel: neon, name: 'Smlal', tile: 'Li1ELi4E', cpu: 'cortex-a72', products: 256, pipes: 1 },
  { kernel: neon, name: 'Smull', tile: 'Li1ELi4E', cpu: 'cortex-a72', products: 256, pipes: 1 },
  { kernel: dotprod, name: 'Sdot', tile: 'Li4ELi5E', cpu: 'cortex-a76', products: 1280, pipes: 2 },
];
const MULTIPLICATIONS = ['smull', 'smull2', 'smlal', 'smlal2', 'sdot'];

const multiplications = (lines) =>
  MULTIPLICATIONS.reduce((sum, mnemonic) => sum + count(lines, mnemonic), 0);

function predict({ kernel, name, tile, cpu, products, pipes }) {
  const assembly = compile(kernel, kernel === dotprod ? march : []);
  const body = bodyOf(assembly, new RegExp(`4tile.*${name}E?${tile}`), kernel);
  const per = name === 'Sdot' ? 16 : 8;
  const loop = loopsOf(body)
    .map(({ from, to }) => body.slice(from, to))
    .sort((a, b) => a.length - b.length)
    .find((lines) => multiplications(lines) * per === products);
  if (!loop) throw new Error(`${kernel}: expected a loop of ${products} products but found none`);
  const lines = instructions(loop);
  const cycles = cyclesOf(lines, cpu);
  const bound = multiplications(lines) / pipes;
  return { kernel, name, cpu, products, instructions: lines.length, cycles, bound };
}

function main(args) {
  const rows = loops.map(predict);
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
