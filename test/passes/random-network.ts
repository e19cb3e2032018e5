/**
 * Random networks for tests that compare one way of running a graph with another. Not a test.
 */
import type { Graph, Value } from '../../src/graph/value.js';
import { GraphBuilder } from '../../src/ops/builder.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { inside, Numbers } from './fixtures.js';

type Float = Value<'f32'>;

/**
 * A random network as importers write it: NCHW, float layers first, then signs, borders, binary
 * convolutions with scales, batch norms, activations, pooling and shortcuts in any order, and a
 * dense head. All sums are of whole numbers, so that every order of summation is exact.
 */
export function randomNetwork(seed: number): { graph: Graph; feeds: Record<string, Tensor> } {
  const r = new Numbers(seed);
  const g = new GraphBuilder();
  const channels = r.pick(3, 4, 7);
  const size = r.pick(6, 8);
  const x = g.input('x', 'f32', ['N', channels, size, size]);
  const perChannel = (count: number, tensor: 'scales' | 'integers') =>
    g.constant(r[tensor]([1, count, 1, 1]));
  const widthOf = (y: Float) => y.shape[1] as number;
  const binary = (y: Float, activated?: Float): Float => {
    const outputs = r.pick(3, 4, 7, 8, 20);
    const kernel = Math.min(r.pick(1, 2, 3), y.shape[2] as number, y.shape[3] as number);
    const scale = r.pick(1, 0.5, -0.25);
    let bits: Float = activated ?? g.cast(g.sign(y), 'f32');
    if (scale !== 1) bits = g.mul(bits, scale);
    const border = r.pick(0, scale, -scale);
    if (kernel > 1) bits = g.pad(bits, [0, 0, 1, 0, 0, 0, 1, r.int(0, 1)], border);
    let w: Float = g.cast(
      g.sign(g.constant(r.floats([outputs, widthOf(y), kernel, kernel]))),
      'f32',
    );
    if (r.int(0, 1) === 0)
      w = g.mul(w, g.constant(r.fill([outputs, 1, 1, 1], () => r.pick(0.5, -0.5, 2))));
    const weights = g.transpose(w, [0, 2, 3, 1]);
    const pads = r.pick([0, 0, 0, 0], [1, 0, 0, 1]) as [number, number, number, number];
    return inside(g, bits, (map) =>
      g.conv2d(map, weights, { pads, strides: r.pick([1, 1], [2, 1]) as [number, number] }),
    );
  };
  const normalized = (y: Float): Float => {
    const c = widthOf(y);
    const mean = g.constant(r.integers([c]));
    return inside(g, y, (map) =>
      g.batchNorm(
        map,
        g.constant(r.scales([c])),
        g.constant(r.floats([c])),
        mean,
        g.constant(r.scales([c], 0)),
      ),
    );
  };
  let y: Float = inside(g, x, (map) =>
    g.conv2d(map, g.constant(r.integers([r.pick(4, 20), 3, 3, channels], -2, 2)), {
      pads: [1, 1, 1, 1],
    }),
  );
  for (let i = 0; i < 8; i++) {
    const before: Float = y;
    const [height, width] = [y.shape[2] as number, y.shape[3] as number];
    y = r.pick(
      () => binary(normalized(before)),
      () => binary(before),
      () => normalized(binary(before)),
      () => g.relu(g.add(before, perChannel(widthOf(before), 'integers'))),
      () =>
        g.add(
          g.mul(before, perChannel(widthOf(before), 'scales')),
          perChannel(widthOf(before), 'integers'),
        ),
      () => binary(before, g.signum(before)),
      () =>
        binary(
          before,
          inside(g, before, (map) =>
            g.multiThreshold(map, g.constant(r.thresholds([widthOf(before), 2], true)), {
              scale: 1,
              bias: -1,
            }),
          ),
        ),
      () =>
        height > 2 && width > 2
          ? inside(g, before, (map) => g.maxPool2d(map, [2, 2], { strides: [1, 1] }))
          : before,
      () => g.concat([before, g.cast(g.sign(before), 'f32')], 1),
      () => g.clip(before, -1, 1),
      () => g.add(before, g.cast(g.sign(g.sub(before, 0.5)), 'f32')),
    )();
    if ((y.shape[2] as number) < 2 || (y.shape[3] as number) < 2 || widthOf(y) > 40) y = before;
  }
  const flat = g.reshape(g.cast(g.sign(y), 'f32'), ['N', -1]);
  const head = g.cast(g.sign(g.constant(r.floats([5, flat.shape[1] as number]))), 'f32');
  const graph = g.graph([x], { y: g.add(g.dense(flat, head), 0.5), map: y });
  return { graph, feeds: { x: r.integers([2, channels, size, size]) } };
}
