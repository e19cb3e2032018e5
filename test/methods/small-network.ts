/** A small classifier of pictures with batch norms, for methods that need their statistics. */
import { GraphBuilder } from '../../src/ops/builder.js';
import { Tensor } from '../../src/tensor/tensor.js';
import { random } from '../random.js';

export interface SmallOptions {
  readonly softmax?: boolean;
  readonly norms?: boolean;
  readonly classes?: number;
  readonly size?: number;
  /** The input has channels first, as from ONNX. */
  readonly first?: boolean;
}

/** Three convolutions, the second and the third of which a sum goes around, and a dense layer. */
export function smallNetwork(options: SmallOptions = {}) {
  const { softmax = false, norms = true, classes = 3, size = 6, first = false } = options;
  const draw = random(7);
  const g = new GraphBuilder();
  const numbers = (lo: number, hi: number, ...shape: number[]) => {
    const count = shape.reduce((a, b) => a * b);
    const data = Float32Array.from({ length: count }, () => lo + (hi - lo) * draw());
    return g.constant(new Tensor('f32', data, shape));
  };
  type Map = Parameters<typeof g.relu>[0];
  const x = g.input('x', 'f32', first ? ['N', 3, size, size] : ['N', size, size, 3]);
  const layer = (y: Map, c: number, i: number): Map => {
    const w = numbers(-0.5, 0.5, c, 3, 3, y.shape[3] as number);
    const map = g.conv2d(y, w, { pads: [1, 1, 1, 1], name: `c${i}` });
    if (!norms) return map;
    return g.batchNorm(
      map,
      numbers(0.5, 1.5, c),
      numbers(-0.5, 0.5, c),
      numbers(-0.5, 0.5, c),
      numbers(0.5, 2, c),
      { name: `n${i}` },
    );
  };
  const a = g.relu(layer(first ? (g.transpose(x, [0, 2, 3, 1]) as Map) : x, 4, 0));
  const b = g.relu(layer(a, 6, 1));
  const c = g.relu(g.add(a, layer(b, 4, 2)));
  const w = numbers(-1, 1, classes, 4);
  const scores = g.add(
    g.dense(g.reduce(c, 'mean', [1, 2]), w, { name: 'fc' }),
    numbers(-0.1, 0.1, classes),
  );
  return g.graph([x], { y: softmax ? g.softmax(scores) : scores });
}
