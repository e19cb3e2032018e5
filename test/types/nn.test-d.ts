/** The names of a model are types: feeds and results of its session are checked by the compiler. */
import { expectTypeOf, test } from 'vitest';
import { nn, quant, Session, type Tensor, zoo } from '../../src/index.js';

test('names of inputs and outputs', async () => {
  const model = nn.model(
    { input: { name: 'image', shape: ['N', 8, 8, 3] }, output: 'scores' },
    nn.flatten(),
  );
  const session = Session.fromGraph(model.graph(model.init()));
  const results = await session.run({ image: new Float32Array(192) });
  expectTypeOf(results.scores).toEqualTypeOf<Tensor<'f32'>>();
  // @ts-expect-error: there is no such output
  results.logits;
  // @ts-expect-error: there is no such input
  session.run({ picture: new Float32Array(192) });
});

test('networks of the zoo give logits for an image', async () => {
  const network = zoo.biReal20();
  const { logits } = await Session.fromGraph(network.graph(network.init())).run({
    image: new Float32Array(3072),
  });
  expectTypeOf(logits).toEqualTypeOf<Tensor<'f32'>>();
});

test('quantizers are values, of weights or of activations', () => {
  nn.conv2d({ filters: 1, kernel: 1, weights: quant.sign(), inputs: quant.signActivation() });
  // @ts-expect-error: a quantizer of activations is none of weights
  nn.conv2d({ filters: 1, kernel: 1, weights: quant.signActivation() });
  // @ts-expect-error: a name is no quantizer
  nn.conv2d({ filters: 1, kernel: 1, weights: 'sign' });
});

test('layers, networks and quantizeGraph take the same specs', () => {
  nn.conv2d({ filters: 1, kernel: 1, weights: 4, inputs: { bits: 8, signed: false } });
  nn.dense({ units: 1, weights: 'int4-channel', inputs: 'uint8' });
  zoo.cnv({ weights: 2, activations: 'int2', real: { bits: 8 } });
  const network = zoo.biReal20({ real: 'int8-channel' });
  quant.quantizeGraph(network.graph(network.init()), { weights: 'ternary', activations: 'float' });
  // @ts-expect-error: 'float' is no spec of a layer, which is float without one
  nn.dense({ units: 1, weights: 'float' });
  // @ts-expect-error: bits are missing
  nn.dense({ units: 1, weights: { signed: true } });
  // @ts-expect-error: there is no such scheme
  quant.quantSpec({ bits: 8, scheme: 'affine' });
});
