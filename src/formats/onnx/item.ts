/**
 * The meaning of a name of an ONNX graph during import. Not here: names (./scope.ts).
 *
 * Exporters compute shapes with ordinary nodes (Shape -> Gather -> Concat -> Reshape). The importer
 * computes those small integers itself (./known.ts), with symbols for unknown sizes among them:
 * they never become values of the graph.
 */
import type { Dim } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { Known } from './known.js';
import type { OnnxTensor } from './proto.js';

export type Item =
  | { readonly kind: 'value'; readonly value: Value }
  /** Integers known at import, truth values as 0 and 1. An entry may be the symbol of a size. */
  | ({ readonly kind: 'dims' } & Known)
  /** Truth values that a run computes, as floats 0 and 1. */
  | { readonly kind: 'truth'; readonly value: Value }
  /** Data of the file that no node has asked for yet. */
  | { readonly kind: 'tensor'; readonly tensor: OnnxTensor; readonly name: string };

export function valueItem(value: Value): Item {
  return { kind: 'value', value };
}

/** A vector, or a scalar of one entry. */
export function dimsItem(entries: readonly Dim[], scalar = false): Item {
  return { kind: 'dims', entries, shape: scalar ? [] : [entries.length] };
}

/** What errors call an item. */
export function kindOf(item: Item): string {
  if (item.kind === 'dims') return 'integers that hold the size of an unknown dimension';
  return item.kind === 'tensor' ? 'a tensor of the file' : `a value computed by ${item.value.op}`;
}
