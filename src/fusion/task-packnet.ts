/**
 * A task of PackNet: it trains the weights that no task owns, then gives up the smallest of them
 * and trains what is left. A network that is no store yet gives up its own smallest first.
 * Departures from the paper: batch norms and biases are each task's own. What others own stays by
 * construction: weights are `others + mask * own`, so no gradient, momentum or decay reaches them.
 * Not here: pruning a tensor (./packnet.ts).
 */
import { BitplaneError, expected } from '../core/errors.js';
import { type NamedWeights, type Store, storedTask } from '../formats/store/store.js';
import type { Graph } from '../graph/value.js';
import type { Float } from '../nn/scope.js';
import type { State } from '../nn/state.js';
import { constant } from '../ops/make.js';
import { rewrite } from '../passes/rewrite.js';
import { Tensor } from '../tensor/tensor.js';
import { sgd } from '../train/optimizer.js';
import { type AddedTask, type Adding, type Begun, withNumbers } from './adding.js';
import { claim, prune } from './packnet.js';
import type { TaskPictures } from './phases.js';
import { hasOwners, owned, ownersOf, type Template, templateOf, valuesOf } from './trunk.js';

export const PACKNET_EPOCHS = { trunk: 10, train: 7, retrain: 3 };

/** Ends the names of a task's own weights. */
const OWN = '.own';
/** Of SGD with momentum, for batches of 128. */
const RATES = { train: 0.02, retrain: 0.01 };

const isWhole = ({ weights }: NamedWeights) => weights.method === 'floats';

const keep = (
  { data }: Tensor<'f32'>,
  owners: Tensor<'u8'>,
  isKept: (owner: number) => boolean,
): Float32Array => data.map((value, i) => (isKept(owners.data[i] as number) ? value : 0));

export async function packnet(adding: Adding): Promise<AddedTask> {
  const { epochs, pictures, distill = false } = adding.options;
  const isFirst = !hasOwners(adding.store);
  if (isFirst && (adding.store.tasks.length > 1 || !adding.store.weights.every(isWhole)))
    throw expected(
      'ERR_UNSUPPORTED',
      'a network, or a store that packnet made',
      `a store of ${adding.store.weights[0]?.weights.method}`,
      { op: 'packnet' },
    );
  const [trunkEpochs, trainEpochs, retrainEpochs] = packnetEpochs(epochs, isFirst);
  if (isFirst) await pruneTrunk(adding, trunkEpochs);
  const number = adding.store.tasks.length + 1;
  const before = ownersIn(adding);
  if (!before.some((owners) => owners?.data.includes(0)))
    throw new BitplaneError('ERR_UNSUPPORTED', 'no weights are left: every one has an owner', {
      op: 'packnet',
    });
  const claimed = before.map((owners) => owners && claim(owners, number));
  const begun = adding.begun(
    templateOf(adding.store),
    adding.store.weights.map(({ weights }) => valuesOf(weights)),
  );
  const first = await trainOwn(adding, 'train', begun, claimed, number, {
    pictures,
    epochs: trainEpochs,
    rate: RATES.train,
  });
  // What is left after pruning goes on from where the task is.
  const pruned = first.values.map((values, place) => {
    const owners = claimed[place];
    return values && owners && prunedBy(adding, values, owners, number);
  });
  const kept = pruned.map((one) => one?.owners);
  const learned = { ...begun, graph: withNumbers(begun.graph, first.state) };
  const second = await trainOwn(
    adding,
    'retrain',
    { ...learned, weights: pruned.map((one) => one?.weights) },
    kept,
    number,
    {
      pictures,
      epochs: retrainEpochs,
      rate: RATES.retrain,
      ...(distill && { teacher: withWeights(learned, first.values) }),
    },
  );
  return adding.added(begun, second.state, (_, place) => ({
    owners: kept[place] as Tensor<'u8'>,
    values: second.values[place] as Tensor<'f32'>,
  }));
}

/** The network gives up weights, and trains what is left: the first task of a store. */
async function pruneTrunk(adding: Adding, epochs: number): Promise<void> {
  const { trunk, distill = false } = adding.options;
  if (trunk?.pictures === undefined)
    throw expected(
      'ERR_ARGUMENT',
      'pictures of the trunk, which is pruned and trained again,',
      'none',
      { op: 'packnet' },
    );
  const template = templateOf(adding.store);
  const { name } = adding.store.tasks[0] as Store['tasks'][0];
  const pruned = adding.store.weights.map(({ weights }) => {
    const values = valuesOf(weights) as Tensor<'f32'>;
    const none = new Tensor('u8', new Uint8Array(values.size), values.shape);
    return prunedBy(adding, values, claim(none, 1), 1);
  });
  const begun = { ...template, weights: pruned.map(({ weights }) => weights) };
  const owners = pruned.map((one) => one.owners);
  const { state, values } = await trainOwn(adding, 'trunk', begun, owners, 1, {
    pictures: trunk.pictures,
    epochs,
    rate: RATES.retrain,
    ...(distill && { teacher: template.graph }),
  });
  const graph = withNumbers(template.graph, state);
  adding.store = {
    ...adding.store,
    tasks: [storedTask(name, graph, template.shared)],
    weights: adding.store.weights.map(({ name: layer }, place) => ({
      name: layer,
      weights: owned(values[place] as Tensor<'f32'>, owners[place] as Tensor<'u8'>, 1),
    })),
  };
}

function prunedBy(adding: Adding, values: Tensor<'f32'>, owners: Tensor<'u8'>, task: number) {
  return prune(values, owners, { task, share: adding.options.prune ?? 0.5 });
}

function ownersIn(adding: Adding): (Tensor<'u8'> | undefined)[] {
  return adding.store.weights.map(({ weights }) =>
    weights.method === 'owners'
      ? new Tensor('u8', Uint8Array.from(ownersOf(weights)), weights.shape)
      : undefined,
  );
}

/** Trains the weights that a task owns, its batch norms and its head; all others stay. */
async function trainOwn(
  adding: Adding,
  phase: string,
  begun: Begun,
  owners: readonly (Tensor<'u8'> | undefined)[],
  task: number,
  {
    pictures,
    epochs,
    rate,
    teacher,
  }: { pictures: TaskPictures; epochs: number; rate: number; teacher?: Graph },
): Promise<{ readonly state: State; readonly values: (Tensor<'f32'> | undefined)[] }> {
  const fixed = begun.weights.map((values, place) => {
    const own = owners[place];
    return (
      values &&
      own &&
      new Tensor(
        'f32',
        keep(values, own, (one) => one !== task),
        own.shape,
      )
    );
  });
  const places = new Map<string, number>();
  const state = await adding.phases.run({
    name: phase,
    graph: begun.graph,
    pictures,
    epochs,
    teacher,
    about: { ...adding.about, phase },
    optimizer: [{ takes: () => true, optimizer: sgd({ rate, momentum: 0.9, nesterov: true }) }],
    weights: adding.inPlace(begun, (scope, w, values, place) => {
      const { g } = scope;
      const own = owners[place] as Tensor<'u8'>;
      if (!own.data.includes(task)) return g.constant(values, { name: w.name }) as Float;
      places.set(w.name, place);
      const begin = keep(values, own, (one) => one === task);
      const mine = scope.parameter(w.name + OWN, values.shape, 'weight', (out) => out.set(begin));
      const bits = Float32Array.from(own.data, (one) => (one === task ? 1 : 0));
      const mask = new Tensor('f32', bits, own.shape);
      const others = g.constant(fixed[place] as Tensor, { name: `${w.name}.others` });
      const masked = g.mul(mine, g.constant(mask, { name: `${w.name}.owners` }) as Float);
      return g.add(masked, others as Float, { name: `${w.name}.all` });
    }),
  });
  const values = [...begun.weights];
  for (const [name, place] of places) {
    const own = owners[place] as Tensor<'u8'>;
    const trained = (state[name + OWN] as Tensor<'f32'>).data;
    const all = (fixed[place] as Tensor<'f32'>).data;
    values[place] = new Tensor(
      'f32',
      all.map((value, i) => (own.data[i] === task ? (trained[i] as number) : value)),
      own.shape,
    );
  }
  return { state, values };
}

/** The network with these numbers as the weights that tasks share. */
function withWeights(
  { graph, shared }: Template,
  values: readonly (Tensor<'f32'> | undefined)[],
): Graph {
  return rewrite(graph, (value, { original }) => {
    const place = original.op === 'constant' ? shared.get(original.name) : undefined;
    const own = place === undefined ? undefined : values[place];
    return own && constant(value.name, own);
  });
}

/** Whole epochs of the phases of packnet, at least one each. */
export function packnetEpochs(
  epochs: number | undefined,
  isFirst: boolean,
): readonly [number, number, number] {
  const { trunk, train, retrain } = PACKNET_EPOCHS;
  if (epochs === undefined) return [trunk, train, retrain];
  const least = isFirst ? 3 : 2;
  if (!Number.isInteger(epochs) || epochs < least)
    throw expected(
      'ERR_ARGUMENT',
      `epochs of at least ${least}, one for each of ${isFirst ? 'trunk, ' : ''}train and retrain`,
      epochs,
      { op: 'packnet' },
    );
  const all = (isFirst ? trunk : 0) + train + retrain;
  const part = (share: number) => Math.max(1, Math.floor((share * epochs) / all));
  const first = isFirst ? part(trunk) : 0;
  const last = part(retrain);
  return [first, epochs - first - last, last];
}
