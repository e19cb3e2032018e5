/**
 * Which tests count: those all of whose nodes are ops that bitplane promises, on float32, truth
 * values and integers of up to 64 bits with a sign, or uint8. Not here: running them.
 */

/** The ops that bitplane promises; docs/onnx.md says what of each. */
const LISTED = new Set(
  `Conv ConvTranspose Gemm MatMul BatchNormalization InstanceNormalization LayerNormalization
  GroupNormalization LRN Relu LeakyRelu PRelu Elu Selu Gelu Mish HardSigmoid HardSwish Sigmoid Tanh
  Softplus Softsign Softmax LogSoftmax Erf Clip Add Sub Mul Div Mod Pow Sqrt Reciprocal Exp Log Neg
  Abs Sign Floor Ceil Round Sin Cos Min Max Mean Sum Where Equal Greater GreaterOrEqual Less
  LessOrEqual Not And Or Xor IsNaN MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool
  ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
  ReduceSumSquare ArgMax ArgMin TopK CumSum Flatten Reshape Transpose Squeeze Unsqueeze Concat Split
  Slice Pad Expand Tile Gather GatherElements ScatterND Resize Upsample DepthToSpace SpaceToDepth
  Identity Dropout Cast CastLike Shape Size Range ConstantOfShape Constant OneHot Einsum GRU LSTM
  RNN If QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul ConvInteger
  MatMulInteger`.match(/\w+/g),
);

/** TensorProto.DataType: FLOAT, UINT8, INT8, INT16, INT32, INT64, BOOL. */
const TYPES = new Set([1, 2, 3, 5, 6, 7, 9]);

/** What each group of tests is called. */
export const GROUPS = {
  listed: 'Listed ops (float32, integers, truth values)',
  types: 'Listed ops on other types (double, half, strings, wider unsigned integers, sequences)',
  others: 'Ops that are not listed',
};

/** The group of a test, by its ops and the types of its inputs and outputs. */
export function groupOf({ ops, types }) {
  if (!ops.every(({ domain, op }) => (domain === '' || domain === 'ai.onnx') && LISTED.has(op)))
    return 'others';
  return types.every((type) => TYPES.has(type)) ? 'listed' : 'types';
}
