/**
 * The metadata of an ONNX file as metadata of its graph. Not here: its nodes.
 *
 * The entries of metadata_props keep their names. The fields of the file's header become
 * `onnx.producer_name`, `onnx.producer_version`, `onnx.domain`, `onnx.model_version`,
 * `onnx.doc_string`, `onnx.graph_name`, `onnx.ir_version` and `onnx.opset` (such as "13" or "13,
 * qonnx.custom_op.general 1"); a field that is empty is left out.
 */
import type { Metadata } from '../../graph/value.js';
import type { OnnxModel } from './proto.js';

export function metadataOf(model: OnnxModel): Metadata {
  const header = {
    producer_name: model.producerName,
    producer_version: model.producerVersion,
    domain: model.domain,
    model_version: model.modelVersion === 0 ? '' : String(model.modelVersion),
    doc_string: model.docString,
    graph_name: model.graph?.name ?? '',
    ir_version: model.irVersion === 0 ? '' : String(model.irVersion),
    opset: model.opsets
      .map(({ domain, version }) => (isStandard(domain) ? `${version}` : `${domain} ${version}`))
      .join(', '),
  };
  const own = model.properties.map(({ key, value }) => [key, value] as const);
  const fields = Object.entries(header).filter(([, value]) => value !== '');
  return Object.freeze(
    Object.fromEntries([
      ...own,
      ...fields.map(([name, value]) => [`onnx.${name}`, value] as const),
    ]),
  );
}

function isStandard(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx';
}
