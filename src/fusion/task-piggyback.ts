/**
 * A task of Piggyback: a mask over weights that stay. Departures from the paper: batch norms are
 * the task's own and follow its pictures; batches may be larger, and rates with them. Not here:
 * masks (./piggyback.ts).
 */
import { expected } from '../core/errors.js';
import { constantOf } from '../nn/initializers.js';
import type { Float } from '../nn/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { adam } from '../train/optimizer.js';
import type { AddedTask, Adding } from './adding.js';
import { maskedWeights, maskOf } from './piggyback.js';
import { hasOwners, templateOf, valuesOf } from './trunk.js';

export const PIGGYBACK_EPOCHS = { masks: 10 };

/** Ends the names of the real numbers behind masks. */
const MASK = '.mask';
/** What they begin with, every weight on. */
const ALL_ON = 1e-2;
/** Of Adam. The paper's 1e-4 is for batches of 32. */
const RATES = { masks: 4e-4, others: 1e-3 };

export async function piggyback(adding: Adding): Promise<AddedTask> {
  if (hasOwners(adding.store))
    throw expected('ERR_UNSUPPORTED', 'a trunk whose weights are finished', 'one of packnet', {
      op: 'piggyback',
    });
  const { kind = 'binary', epochs = PIGGYBACK_EPOCHS.masks, pictures } = adding.options;
  const begun = adding.begun(
    templateOf(adding.store),
    adding.store.weights.map(({ weights }) => valuesOf(weights)),
  );
  const isMask = (parameter: { readonly name: string }) => parameter.name.endsWith(MASK);
  const state = await adding.phases.run({
    name: 'masks',
    graph: begun.graph,
    pictures,
    epochs,
    about: adding.about,
    optimizer: [
      { takes: isMask, optimizer: adam({ rate: RATES.masks }) },
      { takes: () => true, optimizer: adam({ rate: RATES.others }) },
    ],
    weights: adding.inPlace(begun, (scope, w, values) => {
      const { g } = scope;
      const real = scope.parameter(w.name + MASK, values.shape, 'weight', constantOf(ALL_ON));
      const frozen = g.constant(values, { name: w.name }) as Float;
      return maskedWeights(g, `${w.name}.masked`, frozen, real, { kind });
    }),
  });
  return adding.added(begun, state, (name) => ({
    mask: maskOf(state[name + MASK] as Tensor<'f32'>, { kind }),
    kind,
  }));
}
