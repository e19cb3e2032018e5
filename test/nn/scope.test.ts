/**
 * Scopes: the names of layers, parts of layers and nodes, and the error of a layer that breaks a
 * rule. Not here: the values of layers (./layers.test.ts), the parameters of whole models
 * (./model.test.ts).
 */
import { describe, expect, test } from 'vitest';
import { topological } from '../../src/graph/value.js';
import * as nn from '../../src/nn/index.js';

/**
 * The names of the nodes that a layer makes of a map, without those of parameters and quantizers.
 */
function nodeNames(layer: nn.Layer, shape: readonly number[] = [4, 4, 2]): string[] {
  const model = nn.model({ input: { name: 'x', shape: ['N', ...shape] }, output: 'y' }, layer);
  const parameters = new Set(model.parameters.map(({ name }) => name));
  const graph = model.graph(model.init(1));
  return topological(graph)
    .filter(({ op, name }) => op !== 'input' && op !== 'constant' && !parameters.has(name))
    .map(({ name }) => name);
}

describe('a layer without a name is called by its kind, and counted from the second on', () => {
  const KINDS: [kind: string, make: () => nn.Layer, shape?: number[]][] = [
    ['relu', () => nn.relu()],
    ['sigmoid', () => nn.sigmoid()],
    ['tanh', () => nn.tanh()],
    ['softmax', () => nn.softmax()],
    ['hardTanh', () => nn.hardTanh()],
    ['clip', () => nn.clip(-1, 2)],
    ['sign', () => nn.sign()],
    ['prelu', () => nn.prelu()],
    ['rsign', () => nn.rsign()],
    ['rprelu', () => nn.rprelu()],
    ['batchNorm', () => nn.batchNorm()],
    ['conv2d', () => nn.conv2d({ filters: 2, kernel: 1 })],
    ['dense', () => nn.dense({ units: 3 }), [3]],
    ['maxPool2d', () => nn.maxPool2d({ kernel: 1 })],
    ['avgPool2d', () => nn.avgPool2d({ kernel: 1 })],
    ['add', () => nn.add([nn.identity, nn.relu()])],
    ['concat', () => nn.concat([nn.identity, nn.relu()])],
  ];
  test.each(KINDS)('%s', (kind, make, shape) => {
    const tops = new Set(
      nodeNames(nn.sequential([make(), make()]), shape).map((name) => name.split(/[/.]/)[0]),
    );
    expect([...tops]).toEqual([kind, `${kind}_2`]);
  });

  test('flatten', () => expect(nodeNames(nn.flatten(), [2, 2])).toEqual(['flatten']));

  test('a group without a name, and the identity, leave no trace in names', () => {
    expect(
      nodeNames(nn.sequential([nn.identity, nn.sequential([nn.relu(), nn.identity]), nn.relu()])),
    ).toEqual(['relu', 'relu_2']);
    expect(nodeNames(nn.sequential([nn.relu()], { name: 'group' }))).toEqual(['group/relu']);
    // Nothing else takes the name.
    expect(nodeNames(nn.sequential([nn.identity, nn.relu({ name: 'identity' })]))).toEqual([
      'identity',
    ]);
  });
});

describe('within a layer', () => {
  const within = (apply: (scope: nn.Scope, x: nn.Float) => nn.Float) =>
    nn.model({ input: { name: 'x', shape: ['N', 2] }, output: 'y' }, nn.layer('own', apply));

  test('a second part of the same name is an error', () => {
    const twice = () =>
      within((scope, x) => {
        scope.child('part');
        scope.child('part');
        return x;
      });
    expect(twice).toThrow('layer "own/part": expected a name of its own but received "part"');
  });

  test('fresh paths are numbered upwards', () => {
    const paths: string[] = [];
    within((scope, x) => {
      paths.push(
        scope.fresh('sum'),
        scope.fresh('sum'),
        scope.fresh('other'),
        scope.named('sum'),
        scope.named(),
      );
      return x;
    });
    expect(paths.slice(0, 5)).toEqual(['own/sum', 'own/sum_2', 'own/other', 'own/sum', 'own']);
  });

  test('a layer that returns no value is an error that names it', () => {
    expect(() => within(() => undefined as unknown as nn.Float)).toThrow(
      /^own "own": expected a layer that gives a value but received undefined$/,
    );
  });

  test('a layer without its parentheses is an error that names it', () => {
    expect(() => nn.sequential([nn.relu as unknown as nn.Layer])).not.toThrow();
    expect(() => within((scope, x) => scope.apply(nn.relu as unknown as nn.Layer, x))).toThrow(
      /^layer "own": expected a layer but received/,
    );
  });
});
