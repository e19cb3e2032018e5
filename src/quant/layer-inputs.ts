/**
 * The quantizer of a layer's inputs that a QuantSpec describes; its range is a parameter of the
 * layer. Not here: ranges of a finished network, which a calibration tells (./network); signs
 * (./sign-activation.ts).
 */
import { expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { GraphBuilder } from '../ops/builder.js';
import { paramsOfRanges } from './affine.js';
import { fakeQuantize, fakeQuantizeBy } from './fake-quantize.js';
import { groupsOf } from './groups.js';
import { parseQuantSpec, type QuantSpecLike, showQuantSpec } from './parse-spec.js';
import {
  type ActivationQuantizer,
  type Learned,
  learnedNumber,
  positiveConstant,
} from './quantizer.js';
import { signActivation } from './sign-activation.js';
import { codesOf, type QuantSpec } from './spec.js';

/**
 * The best clipping of a normal distribution of variance 1, which a batch norm leaves, by bits:
 * Banner et al., NeurIPS 2019, arXiv 1810.05723. Numbers of one sign have a bit more.
 */
const CLIPPING = [1, 1, 1.71, 2.15, 2.56, 2.94, 3.29, 3.62, 3.92, 4.2];

/**
 * round(clip(x / s)) * s, s = range / hi, hi being the greatest code. One bit is a sign. Esser et
 * al., "Learned Step Size Quantization", ICLR 2020, arXiv 1902.08153, learns s.
 * @throws BitplaneError ERR_ARGUMENT for a spec that is neither symmetric nor bipolar, or has more
 * scales than one
 */
export function activations(like: QuantSpecLike): ActivationQuantizer {
  const spec = parseQuantSpec(like);
  if (spec.scheme === 'bipolar') return signActivation();
  if (spec.scheme !== 'symmetric' || spec.granularity !== 'tensor')
    throw expected(
      'ERR_ARGUMENT',
      'inputs that are symmetric, with one scale',
      showQuantSpec(spec),
      { op: 'activations' },
    );
  const { hi } = codesOf(spec);
  const name = 'activations';
  return Object.freeze({
    name,
    precision: spec.bits,
    spec,
    packed: false,
    formula: 'round(clip(x / s, lo, hi)) * s, s = range / hi',
    pseudoGradient: 'clip' as const,
    paper: 'Esser et al., ICLR 2020, arXiv 1902.08153',
    learned: Object.freeze({ range: clippingOf(spec) }),
    trained(g: GraphBuilder, path: string, x: Value<'f32'>, learned?: Learned) {
      const range = learnedNumber(learned, 'range', name, path);
      const scale = g.div(range, hi, { name: `${path}.scale` });
      return fakeQuantizeBy(g, path, x, spec, scale, { trained: true });
    },
    quantize(g: GraphBuilder, path: string, x: Value<'f32'>, learned?: Learned) {
      const range = learnedNumber(learned, 'range', name, path);
      const most = positiveConstant(range, 'range', name, path);
      if (most === undefined) {
        const scale = g.div(range, hi, { name: `${path}.scale` });
        return fakeQuantizeBy(g, path, x, spec, scale);
      }
      const params = paramsOfRanges(spec, [{ lo: 0, hi: most }]);
      return fakeQuantize(g, path, x, spec, params, groupsOf('tensor', []));
    },
  });
}

function clippingOf({ bits, signed }: QuantSpec): number {
  return CLIPPING[bits + (signed ? 0 : 1)] as number;
}
