// A quantizer of one's own for binary activations: the sign forward, and backward a gradient that
// falls off as a triangle, max(0, 1 - |x|), in place of the sign's, which is 0 wherever it exists.
//
//   npm install bitplane
//   node write-a-quantizer.mjs
import { data, fit, GraphBuilder, gradients, nn, quant, Session, train } from 'bitplane';

// A pseudo-gradient gets the builder and x, and gives a function of x whose slope is the one that
// is wanted: the integral of the triangle is x - x|x|/2 within -1 and 1, and constant beyond.
const triangle = (g, x) => {
  const inside = g.clip(x, -1, 1);
  return g.sub(inside, g.mul(g.mul(inside, g.abs(inside)), 0.5));
};
const activation = quant.signActivation({ pseudoGradient: triangle });

// Its slope, seen by itself.
const g = new GraphBuilder();
const x = g.input('x', 'f32', [5]);
const [slope] = gradients(g, g.reduce(triangle(g, x), 'sum', [0]), [x]);
const probe = Session.fromGraph(g.graph([x], { slope }));
const points = [-2, -0.5, 0, 0.5, 2];
const { slope: slopes } = await probe.run({ x: Float32Array.from(points) });
console.log(`slope at ${points.join(', ')}: ${[...slopes.data].join(', ')}`);

const sets = data.shapes({ train: 400, test: 80 });
const net = nn.model(
  { input: { name: 'image', shape: ['N', 24, 24, 3] } },
  nn.sequential([
    nn.conv2d({ filters: 16, kernel: 4, strides: 4 }),
    nn.batchNorm(),
    nn.conv2d({ filters: 16, kernel: 3, pads: 1, weights: quant.scaledSign(), inputs: activation }),
    nn.batchNorm(),
    nn.globalAvgPool(),
    nn.dense({ units: 8 }),
  ]),
);
const { state, history } = await fit(net, sets, {
  epochs: 2,
  batchSize: 40,
  optimizer: train.adam({ rate: 0.01 }),
});
for (const { epoch, loss } of history) console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}`);

// Packed, the layer is one bit an activation: the pseudo-gradient leaves no trace.
const session = Session.fromGraph(net.graph(state));
console.log(
  session
    .kernels()
    .map(({ name, kernel }) => `${name}\t${kernel}`)
    .join('\n'),
);
await session.release();
await probe.release();
