/**
 * Post-training quantization of a network: graph -> graph. Batch norms go into weights; weights
 * become codes; maps become codes where products read them, by ranges that a calibration saw. What
 * comes back is an ordinary graph: codes are `cast`, scales and zero points arithmetic. Jacob et
 * al., CVPR 2018, arXiv 1712.05877. Not here: moving products into integers (src/passes), training
 * under quantization.
 */
import type { Graph } from '../../graph/value.js';
import { absorbBatchNorms } from '../../passes/index.js';
import { calibrate } from './calibrate.js';
import { type QuantizeOptions, settingsOf } from './options.js';
import { type Quantized, quantizePrepared } from './quantize-prepared.js';

/**
 * The graph, quantized for inference. Layers whose weights are bits, and products of two computed
 * values, are left as they are. Biases stay float. A map of nothing but zeros has scale 1; one of a
 * constant has that constant as its greatest code. Results depend on the numbers of the calibration
 * alone, not on how they are cut into batches.
 * @throws BitplaneError ERR_ARGUMENT for options, a calibration without feeds, weights or maps that
 * are not finite (named); ERR_FEED for feeds that do not fit the graph
 */
export async function quantizeGraph(graph: Graph, options: QuantizeOptions): Promise<Quantized> {
  const settings = settingsOf(options);
  const prepared = absorbBatchNorms(graph);
  const { calibration = [], session } = options;
  return quantizePrepared(prepared, settings, {
    seen: async (maps) =>
      maps.length === 0 ? new Map() : await calibrate(prepared, maps, calibration, session),
  });
}
