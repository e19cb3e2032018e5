/**
 * In which order fusion looks at the values of a graph: each after its inputs, and of an
 * element-wise op the operand that is smaller than the result first. An epilogue takes an operand
 * only if it is there when the kernel begins. Of (x - mean) * (gamma / sqrt(var + epsilon)) a plain
 * walk would begin x - mean before the scale of its channels, and the map would go through memory
 * once more. Not here: the order in which calls run (./order.ts).
 */
import { elementCount } from '../core/shape.js';
import { type Graph, outputsOf, topological, updatesOf, type Value } from '../graph/value.js';
import { opDef } from '../ops/index.js';

export function fusionOrder(graph: Graph): readonly Value[] {
  const walk = topological(graph);
  if (!walk.some(isLate)) return walk;
  const order: Value[] = [];
  const seen = new Set<Value>();
  const roots = [
    ...graph.inputs,
    ...(graph.states ?? []),
    ...[...outputsOf(graph), ...updatesOf(graph)].map(([, value]) => value),
  ];
  for (const root of roots) {
    const stack = [{ value: root, inputs: inTurn(root), next: 0 }];
    if (seen.has(root)) continue;
    seen.add(root);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.inputs[top.next++];
      if (input === undefined) order.push((stack.pop() as typeof top).value);
      else if (!seen.has(input)) {
        seen.add(input);
        stack.push({ value: input, inputs: inTurn(input), next: 0 });
      }
    }
  }
  return order;
}

/** True where the second operand broadcasts: a plain walk would come to it last. */
function isLate(value: Value): boolean {
  const [, second] = value.inputs;
  return value.inputs.length === 2 && broadcasts(second as Value, value);
}

function inTurn(value: Value): readonly Value[] {
  const [first, second] = value.inputs;
  return isLate(value) && !broadcasts(first as Value, value)
    ? [second as Value, first as Value]
    : value.inputs;
}

/** True for an operand, computed by a run, that is smaller than the element-wise result. */
function broadcasts(operand: Value, result: Value): boolean {
  return (
    operand.inputs.length > 0 &&
    opDef(result.op).step !== undefined &&
    elementCount(operand.shape) < elementCount(result.shape)
  );
}
