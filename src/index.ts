/**
 * What `import ... from 'bitplane'` gives.
 */
export { type GradientOptions, gradients } from './autodiff/gradients.js';
export { DTYPES, type DType, type DTypeArray, type DTypeArrays } from './core/dtype.js';
export { BitplaneError, type ErrorCode, type ErrorSite } from './core/errors.js';
export type { Dim, Shape, Sizes } from './core/shape.js';
export type { Pausing } from './core/turns.js';
export type { Evaluation } from './data/accuracy.js';
export {
  type Evaluated,
  type EvaluateOptions,
  type Example,
  evaluate,
} from './data/evaluate.js';
export { type ImageOptions, imageToTensor, type Picture } from './data/image-to-tensor.js';
export * as data from './data/index.js';
export type { RawPicture } from './data/raw-picture.js';
export {
  type PictureTaker,
  type PreprocessFields,
  type Recipe,
  type RecipeCarrier,
  type RecipeLike,
  readRecipe,
  recipeOf,
} from './data/recipe.js';
export * as recipes from './data/recipes.js';
export { softmax } from './data/softmax.js';
export { type Top, topK, topKRows } from './data/top-k.js';
export { type LoadOptions, loadModel, type ModelSource } from './formats/model.js';
export { readNpy, writeNpy } from './formats/npy.js';
export {
  type NpzReadOptions,
  type NpzWriteOptions,
  readNpz,
  writeNpz,
} from './formats/npz.js';
export type { ImportChoices } from './formats/onnx/choices.js';
export type { Dialect } from './formats/onnx/dialects.js';
export { type ExportOptions, encodeOnnx, saveOnnx } from './formats/onnx/export.js';
export { saveModel } from './formats/safetensors/model.js';
export {
  type CreateOptions,
  type ExpectedGraph,
  type ExpectedOutputs,
  Session,
} from './formats/session.js';
export { readTensors, type Tensors, type TensorsLike, writeTensors } from './formats/tensors.js';
export * as fusion from './fusion/index.js';
export type { Chosen, Feed, Feeds, OutputName, ResultOf, Results } from './graph/feeds.js';
export type { Shapes } from './graph/shapes.js';
export type { Attrs, Graph, Input, Metadata, Openness, Update, Value } from './graph/value.js';
export * as methods from './methods/index.js';
export * as nn from './nn/index.js';
export { type Builder, GraphBuilder, type OpMethods } from './ops/builder.js';
export type { Named } from './ops/op.js';
export { print } from './ops/print.js';
export { verify } from './ops/verify.js';
export { mergeAffines } from './passes/index.js';
export * as quant from './quant/index.js';
export { Batcher } from './runtime/batcher.js';
export type { BatchedRunOptions, BatcherInfo, BatcherOptions } from './runtime/batcher-options.js';
export type { LimitOptions } from './runtime/limits.js';
export type { ResultMemory } from './runtime/result-targets.js';
export type { Runner } from './runtime/run-rows.js';
export type { GraphSession } from './runtime/session.js';
export type {
  Isa,
  LayerKernel,
  LayerProfile,
  LowBit,
  Outputs,
  RunOptions,
  SessionInfo,
  SessionOptions,
  TensorMetadata,
  WarmSizes,
} from './runtime/session-types.js';
export { StateStore } from './runtime/state-store.js';
export type { CompileTrace, CreateTrace, RunTrace, Trace } from './runtime/tracing.js';
export type { NestedNumbers } from './tensor/elements.js';
export { type AnyTensor, Tensor, type TensorLike, type TensorOf } from './tensor/tensor.js';
export { fit } from './train/fit.js';
export * as train from './train/index.js';
export * as zoo from './zoo/index.js';
