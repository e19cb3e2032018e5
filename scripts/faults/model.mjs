/**
 * A small network that uses every kernel of the addon, with feeds. Its results mean nothing.
 */

/** @param bitplane the package */
export function everyKernel({ GraphBuilder, Tensor }) {
  const g = new GraphBuilder();
  const random = numbers(7);
  const floats = (...shape) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return g.constant(new Tensor('f32', Float32Array.from({ length: size }, random), shape));
  };
  const signs = (...shape) => g.sign(floats(...shape));
  const norm = (x, c) => {
    const variance = g.abs(floats(c));
    return g.batchNorm(x, floats(c), floats(c), floats(c), variance);
  };
  const x = g.input('x', 'f32', ['N', 9, 9, 3]);
  const stem = norm(g.conv2d(x, floats(64, 3, 3, 3), { pads: [1, 1, 1, 1] }), 64); // conv
  const pooled = g.maxPool2d(g.sign(stem), [2, 2]); // bpool
  // bconv, its epilogue
  const dots = g.cast(g.conv2d(pooled, signs(64, 3, 3, 64), { pads: [1, 1, 1, 1] }), 'f32');
  const bits = g.sign(norm(dots, 64));
  const grouped = g.cast(
    g.conv2d(bits, signs(64, 1, 1, 32), { groups: 2, strides: [2, 2] }),
    'f32',
  ); // bconv, thresholds
  const depth = g.conv2d(g.add(grouped, 0.5), floats(64, 3, 3, 1), {
    groups: 64,
    pads: [1, 1, 1, 1],
  }); // dwconv
  const average = g.avgPool2d(depth, [2, 2], { strides: [1, 1] }); // pool
  const padded = g.pad(average, [0, 1, 1, 0, 0, 1, 1, 0], 0.25); // fill, copy
  const turned = g.transpose(padded, [0, 3, 1, 2]);
  const both = g.concat([padded, g.tanh(padded)], 3);
  const raised = g.pow(g.abs(g.reduce(turned, 'mean', [2, 3])), floats(64)); // reduce, binary
  const logits = g.dense(
    g.add(raised, g.reduce(both, 'max', [1, 2, 3], { keepDims: true }).shape.length),
    floats(10, 64),
  );
  return {
    graph: g.graph([x], { y: g.softmax(logits), bits: g.cast(bits, 'f32'), both }), // softmax, map
    feeds: (batch) => ({
      x: new Tensor('f32', Float32Array.from({ length: batch * 243 }, numbers(batch)), [
        batch,
        9,
        9,
        3,
      ]),
    }),
  };
}

/** Numbers from -1 to 1 that are the same every time. */
export function numbers(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Whether two results of a run are the same bits. */
export function sameResults(a, b) {
  const names = Object.keys(a);
  if (names.join() !== Object.keys(b).join()) return false;
  return names.every((name) => {
    const [left, right] = [a[name], b[name]].map(({ data }) =>
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    );
    return a[name].shape.join() === b[name].shape.join() && left.equals(right);
  });
}
