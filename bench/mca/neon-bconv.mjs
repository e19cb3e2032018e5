// Predicts, without an ARM machine, the cost of the NEON binary convolution: cycles per 1024
// multiply-adds, flush included. It compiles the real kernel with aarch64-linux-gnu-g++, cuts the
// inner loop and the flush around it out of the assembly, and asks llvm-mca for Cortex-A72 and A76.
// Not a measurement: llvm-mca assumes that every load hits L1.
//
//   node bench/mca/neon-bconv.mjs [--json] [--max CYCLES]
//
// Exit code 1 if Cortex-A72 needs more than CYCLES.
import { bodyOf, compile, count, cyclesOf, instructions, loopsOf } from './assembly.mjs';

const kernel = 'native/kernels/bconv/bconv_neon.cc';
// End is the first template argument of run<>, and bits is its value 0.
const signs = /neon_cnt.*runILNS\w*_3EndE0EE/;
const cpus = ['cortex-a72', 'cortex-a76'];
const tile = { pixels: 4, outputs: 8, bits: 64 }; // one step of the inner loop: 2048 multiply-adds
// kWordsPerFlush: the outer loop does the first word, the inner one the rest
const wordsPerFlush = 31;

// The inner loop holds one cnt per accumulator; the flush is what the smallest loop around it adds.
function cut(body) {
  const accumulators = (tile.pixels * tile.outputs * tile.bits) / 128;
  const loops = loopsOf(body).sort((a, b) => a.to - a.from - (b.to - b.from));
  const inner = loops.find(({ from, to }) => count(body.slice(from, to), 'cnt') === accumulators);
  const outer = inner && loops.find(({ from, to }) => from < inner.from && to > inner.to);
  if (!outer)
    throw new Error(
      `${kernel}: expected a loop of ${accumulators} cnt inside another but found none`,
    );
  return {
    inner: instructions(body.slice(inner.from, inner.to)),
    flush: instructions([...body.slice(outer.from, inner.from), ...body.slice(inner.to, outer.to)]),
  };
}

function main(args) {
  const { inner, flush } = cut(bodyOf(compile(kernel), signs, kernel));
  const vector = inner.filter((line) => /^\t(eor|cnt|add)\tv/.test(line)).length;
  const rows = cpus.map((cpu) => {
    const loop = cyclesOf(inner, cpu);
    const rest = cyclesOf(flush, cpu);
    const thousands = (wordsPerFlush * tile.pixels * tile.outputs * tile.bits) / 1024;
    return {
      cpu,
      loopCycles: loop,
      flushCycles: rest,
      cyclesPer1024: (loop * (wordsPerFlush - 1) + rest) / thousands,
    };
  });
  if (args.includes('--json')) {
    console.log(
      JSON.stringify({
        kernel,
        innerInstructions: inner.length,
        innerVectorInstructions: vector,
        rows,
      }),
    );
  } else {
    console.log(
      `${kernel}: inner loop of ${inner.length} instructions, ` +
        `${vector} of them eor, cnt and add on vectors, per 2048 multiply-adds`,
    );
    console.log(
      'cpu          loop cycles   first word and flush   cycles per 1024 multiply-adds, ' +
        'flush included',
    );
    for (const row of rows) {
      const cells = [
        row.loopCycles.toFixed(2).padStart(11),
        row.flushCycles.toFixed(2).padStart(22),
        row.cyclesPer1024.toFixed(2).padStart(31),
      ];
      console.log([row.cpu.padEnd(12), ...cells].join(' '));
    }
  }
  const max = args.includes('--max')
    ? Number(args[args.indexOf('--max') + 1])
    : Number.POSITIVE_INFINITY;
  if (rows[0].cyclesPer1024 > max) {
    console.error(
      `expected at most ${max} cycles per 1024 multiply-adds on ${rows[0].cpu} ` +
        `but llvm-mca predicts ${rows[0].cyclesPer1024.toFixed(2)}`,
    );
    process.exitCode = 1;
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
