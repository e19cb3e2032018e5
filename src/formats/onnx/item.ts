/**
 * The meaning of a name of an ONNX graph during import. Not here: names (./scope.ts).
 *
 * Exporters compute shapes with ordinary nodes (Shape -> Gather -> Concat -> Reshape). The importer
 * computes those small integer vectors itself, with symbols for unknown sizes among their entries;
 * they never become values of the graph.
 */
import type { Dim } from '../../core/shape.js';
import type { Value } from '../../graph/value.js';
import type { OnnxTensor } from './proto.js';

export type Item =
  | { readonly kind: 'value'; readonly value: Value }
  /**
   * Integers known at import: a vector, or a scalar of one entry. An entry may be the symbol of a
   * size.
   */
  | { readonly kind: 'dims'; readonly entries: readonly Dim[]; readonly scalar: boolean }
  /** Data of the file that no node has asked for yet. */
  | { readonly kind: 'tensor'; readonly tensor: OnnxTensor; readonly name: string };

export function valueItem(value: Value): Item {
  return { kind: 'value', value };
}

export function dimsItem(entries: readonly Dim[], scalar = false): Item {
  return { kind: 'dims', entries, scalar };
}
