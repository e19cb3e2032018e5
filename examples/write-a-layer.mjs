// A layer of one's own: squeeze and excitation (Hu et al., CVPR 2018), which weighs channels by what
// the whole map says. Its gradient needs nothing: it follows from the ops that it is made of.
//
//   npm install bitplane
//   node write-a-layer.mjs
import { data, fit, nn, Session, Tensor, train } from 'bitplane';

// x is [N, H, W, C]; the layer declares no parameter itself, its dense layers do.
const squeezeExcite = (channels, squeezed) =>
  nn.layer('squeezeExcite', (scope, x) => {
    const { g } = scope;
    const mean = g.reduce(x, 'mean', [1, 2]); // [N, C]
    const inner = scope.apply(nn.dense({ units: squeezed, name: 'squeeze' }), mean);
    const outer = scope.apply(nn.dense({ units: channels, name: 'excite' }), g.relu(inner));
    const weight = g.reshape(g.sigmoid(outer), [x.shape[0], 1, 1, channels]);
    return g.mul(x, weight);
  });

const sets = data.shapes({ train: 400, test: 80 });
const net = nn.model(
  { input: { name: 'image', shape: ['N', 24, 24, 3] } },
  nn.sequential([
    nn.conv2d({ filters: 16, kernel: 4, strides: 4 }),
    nn.batchNorm(),
    squeezeExcite(16, 4),
    nn.relu(),
    nn.globalAvgPool(),
    nn.dense({ units: 8 }),
  ]),
);
console.log(net.summary());

const { state, history } = await fit(net, sets, {
  epochs: 2,
  batchSize: 40,
  optimizer: train.adam({ rate: 0.01 }),
});
for (const { epoch, loss } of history) console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}`);

const session = Session.fromGraph(net.graph(state));
const { logits } = await session.run({
  image: new Tensor('f32', new Float32Array(24 * 24 * 3), [1, 24, 24, 3]),
});
console.log(`logits of a black picture: ${logits.shape.join(' x ')}`);
await session.release();
