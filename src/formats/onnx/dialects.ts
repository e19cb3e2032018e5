/**
 * The dialects in which ONNX files are written. Not here: writing (./export.ts).
 */

/**
 * 'onnx': quantization as QuantizeLinear and DequantizeLinear, bits as floats of -1 and +1.
 * 'qonnx': Quant, BipolarQuant and MultiThreshold, where they compute the same.
 */
export const DIALECTS = ['onnx', 'qonnx'] as const;
/** How a graph is written as ONNX: plain operators, or those of QONNX. */
export type Dialect = (typeof DIALECTS)[number];
