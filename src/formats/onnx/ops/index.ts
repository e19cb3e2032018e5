/**
 * Every op that can be imported, by operator set: the standard ONNX operators, the quantizers of
 * QONNX, the quantized ops of onnxruntime. Not here: any of them.
 */
import type { Importer } from '../context.js';
import type { PausingImporter } from '../pausing-importer.js';
import { activationImporters } from './activations.js';
import { blockImporters } from './blocks.js';
import { conditionImporters } from './conditions.js';
import { controlImporters } from './control.js';
import { convImporters } from './conv.js';
import { convTransposeImporters } from './conv-transpose.js';
import { denseImporters } from './dense.js';
import { einsumImporters } from './einsum.js';
import { elementwiseImporters } from './elementwise.js';
import { lineImporters } from './lines.js';
import { microsoftImporters } from './microsoft.js';
import { moveImporters } from './move.js';
import { nbitsImporters } from './nbits.js';
import { normalizeImporters } from './normalize.js';
import { padImporters } from './pad.js';
import { qdqImporters } from './qdq.js';
import { qlinearImporters } from './qlinear.js';
import { quantImporters } from './quant.js';
import { recurrentImporters } from './recurrent.js';
import { reduceImporters } from './reduce.js';
import { resizeImporters } from './resize.js';
import { shapeImporters } from './shape.js';

type AnyImporter = Importer | PausingImporter;

const STANDARD = table(
  blockImporters,
  activationImporters,
  conditionImporters,
  convImporters,
  convTransposeImporters,
  controlImporters,
  denseImporters,
  einsumImporters,
  recurrentImporters,
  lineImporters,
  elementwiseImporters,
  moveImporters,
  normalizeImporters,
  padImporters,
  qdqImporters,
  qlinearImporters,
  reduceImporters,
  resizeImporters,
  shapeImporters,
);
const QUANTIZERS = table(quantImporters);
/** onnxruntime's own ops, and those of ONNX for types that ONNX got later. */
const MICROSOFT = table(microsoftImporters, nbitsImporters, qdqImporters);

/** Domains under which tools have written the same quantizers. */
const DOMAINS: ReadonlyMap<string, ReadonlyMap<string, AnyImporter>> = new Map([
  ['', STANDARD],
  ['ai.onnx', STANDARD],
  ['com.microsoft', MICROSOFT],
  ['qonnx.custom_op.general', QUANTIZERS],
  ['onnx.brevitas', QUANTIZERS],
  ['finn.custom_op.general', QUANTIZERS],
]);

export function importerOf(domain: string, opType: string): AnyImporter | undefined {
  return DOMAINS.get(domain)?.get(opType);
}

/** Maps, not records, because an op type comes from a file and may be `constructor`. */
function table(
  ...records: readonly Readonly<Record<string, AnyImporter>>[]
): ReadonlyMap<string, AnyImporter> {
  return new Map(records.flatMap((record) => Object.entries(record)));
}
