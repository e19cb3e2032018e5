/**
 * The maps of a plan with the distributions that stand in for a calibration; a map without one is
 * an error before any work. Not here: what a method makes of them.
 */
import type { OptionNames } from '../core/checks.js';
import { BitplaneError, type ErrorSite, expected } from '../core/errors.js';
import type { Value } from '../graph/value.js';
import type { QuantizeOptions, Settings } from '../quant/network/options.js';
import { type Plan, planOf } from '../quant/network/plan.js';
import { type ClippedNormals, distributionsOf, type InputRanges } from './distributions.js';
import type { Folded } from './folded.js';

/** The options of `quantizeGraph` that need no data. */
export interface DataFreeOptions
  extends Pick<
    QuantizeOptions,
    'weights' | 'activations' | 'perChannel' | 'ends' | 'shortcuts' | 'layers' | 'weightRange'
  > {
  /** The least and the greatest number of each input, by its name: what preprocessing says. */
  readonly inputs?: InputRanges | undefined;
}

/** Their names, for methods that add their own. */
export const DATA_FREE_OPTIONS: OptionNames<DataFreeOptions> = {
  weights: true,
  activations: true,
  perChannel: true,
  ends: true,
  shortcuts: true,
  layers: true,
  weightRange: true,
  inputs: true,
};

export interface Known {
  readonly plan: Plan;
  readonly maps: ReadonlyMap<Value, ClippedNormals>;
}

/**
 * @throws BitplaneError ERR_ARGUMENT naming the input whose range is missing; ERR_UNSUPPORTED
 * naming the map whose numbers no batch norm tells
 */
export function knownMaps(folded: Folded, settings: Settings, inputs: InputRanges = {}): Known {
  const plan = planOf(folded.graph, settings);
  const all = distributionsOf(folded, inputs);
  const maps = new Map<Value, ClippedNormals>();
  for (const map of plan.edges.keys()) {
    const found = all.get(map);
    if (found === undefined) throw missing(map, inputs);
    maps.set(map, found);
  }
  return { plan, maps };
}

/** @throws BitplaneError ERR_UNSUPPORTED for a network without batch norms behind products */
export function requireStatistics({ statistics }: Folded, site: ErrorSite): void {
  if (statistics.size > 0) return;
  throw new BitplaneError(
    'ERR_UNSUPPORTED',
    'expected batch norms behind products, whose statistics stand in for data, but received none',
    site,
  );
}

function missing(map: Value, inputs: InputRanges): Error {
  let at = map;
  while (at.op === 'transpose' || at.op === 'reshape') at = at.inputs[0] as Value;
  if (at.op === 'input' && inputs[at.name] === undefined)
    return expected(
      'ERR_ARGUMENT',
      'its range in inputs, or preprocessing that tells it,',
      'none',
      {
        op: 'input',
        node: at.name,
      },
    );
  return expected(
    'ERR_UNSUPPORTED',
    'a batch norm that tells how its numbers are distributed',
    'none',
    { op: map.op, node: map.name },
  );
}
