/**
 * ResNets and Binary Weight Networks as wholes, and the blocks of XNOR-Net and QuickNet, give
 * PyTorch's numbers. The definitions are written out in test/golden/make-networks.py, in double
 * precision: torchvision's basic block, the shortcut with channels of zeros on both sides, alpha
 * sign(W); batch norm, sign, convolution, K; sign, convolution padded with +1, ReLU, batch norm,
 * sum. Not here: blocks that have vectors of their authors (./blocks.golden.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { Session } from '../../src/formats/session.js';
import * as nn from '../../src/nn/index.js';
import * as quant from '../../src/quant/index.js';
import type { Isa } from '../../src/runtime/session-types.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import * as zoo from '../../src/zoo/index.js';
import type { Network } from '../../src/zoo/network.js';
import { type NameRule, RESNET_NAMES } from '../../src/zoo/pytorch.js';
import { quickNetBlock, quickNetStem, quickNetTransition } from '../../src/zoo/quick-net.js';
import { basicBlock, paddedShortcut, projection } from '../../src/zoo/resnet.js';
import { xnorBlock } from '../../src/zoo/xnor-net.js';
import { testedIsas } from '../native/harness.js';
import { formulaState, numbers } from './formula.js';
import { compareSigns, everyWay, expectClose, golden, toNhwc } from './golden.js';

const torch = golden('networks');
const expected = (name: string) => {
  const y = torch[name] as Tensor<'f32'>;
  return y.shape.length === 4 ? toNhwc(y) : y;
};

describe('whole networks', () => {
  const NETWORKS: [name: string, network: Network][] = [
    ['resnet-18', zoo.resnet18({ classes: 7, inputSize: 32 })],
    ['resnet-20', zoo.resnet20({ classes: 7, inputSize: 12 })],
    ['bwn-18', zoo.bwn18({ classes: 7, inputSize: 32 })],
    ['bwn-20', zoo.bwn20({ classes: 7, inputSize: 12 })],
  ];
  test.each(NETWORKS)('%s: the logits of PyTorch', async (name, network) => {
    const size = network.input.shape[1] as number;
    const image = toNhwc(numbers(`${name} x`, [2, 3, size, size]));
    const graph = network.graph(formulaState(network, name, RESNET_NAMES));
    for (const isa of testedIsas() as Isa[]) {
      const session = Session.fromGraph(graph, { isa, threads: 1 });
      expectClose((await session.run({ image })).logits, expected(name), isa);
      await session.release();
    }
  });
});

const XNOR_NAMES: readonly NameRule[] = [
  { ours: /^block\/(.*?)(\/product)?\/weight$/, theirs: [['$1/weight']] },
  { ours: /^block\/(.*)$/, theirs: [['$1']] },
];
const BLOCK_NAMES: readonly NameRule[] = [
  ...RESNET_NAMES.map(({ ours, theirs }) => ({
    ours: new RegExp(`^block/${ours.source}`),
    theirs,
  })),
  { ours: /^block\/(.*)$/, theirs: [['$1']] },
];

interface Block {
  readonly name: string;
  readonly layer: nn.Layer;
  /** Of x, as PyTorch has it. */
  readonly shape: readonly number[];
  readonly rules?: readonly NameRule[];
  readonly binary?: true;
}

const RESIDUAL: Block[] = [
  { kind: 'resnet', weights: undefined },
  { kind: 'bwn', weights: quant.scaledSign() },
].flatMap(({ kind, weights }) => [
  {
    name: `${kind}-block`,
    layer: basicBlock(projection, weights)('block', 8, 1),
    shape: [2, 8, 5, 6],
  },
  {
    name: `${kind}-block-projected`,
    layer: basicBlock(projection, weights)('block', 12, 2),
    shape: [2, 8, 6, 5],
  },
  {
    name: `${kind}-block-padded`,
    layer: basicBlock(paddedShortcut, weights)('block', 13, 2),
    shape: [2, 8, 6, 5],
  },
]);

const XNOR: Block[] = [true, false].flatMap((activationScale) =>
  (
    [
      ['', 8, 1],
      ['-strided', 12, 2],
      ['-wider', 12, 1],
    ] as const
  ).map(([kind, width, stride]) => ({
    name: `xnor-block${kind}${activationScale ? '' : '-unscaled'}`,
    layer: xnorBlock({ activationScale })('block', width, stride),
    shape: [2, 8, 6, 6],
    rules: XNOR_NAMES,
    binary: true as const,
  })),
);

const QUICK: Block[] = [
  { name: 'quick-block', layer: quickNetBlock('block', 12), shape: [2, 12, 5, 6], binary: true },
  { name: 'quick-transition', layer: quickNetTransition('block', 8, 12), shape: [2, 8, 6, 7] },
  {
    name: 'quick-stem',
    layer: nn.sequential(quickNetStem(), { name: 'block' }),
    shape: [1, 3, 16, 16],
  },
];

const modelOf = ({ name, layer, shape, rules = BLOCK_NAMES }: Block) => {
  const x = toNhwc(numbers(`${name} x`, shape));
  const model = nn.model(
    { input: { name: 'x', shape: ['N', ...x.shape.slice(1)] }, output: 'y' },
    layer,
  );
  return { graph: model.graph(formulaState(model, name, rules)), x };
};

test.each([...RESIDUAL, ...XNOR, ...QUICK])('$name: the numbers of PyTorch', async (block) => {
  const { graph, x } = modelOf(block);
  for (const [way, y] of await everyWay(graph, { x })) expectClose(y, expected(block.name), way);
});

test.each([...XNOR, ...QUICK].filter(({ binary }) => binary))(
  '$name: packed and float agree on every sign',
  async (block) => {
    const { graph, x } = modelOf(block);
    const count = await compareSigns(graph, { x });
    expect(count.signs).toBeGreaterThan(0);
    expect(count.differ).toBe(0);
  },
);
