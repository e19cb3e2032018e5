/** Training, as a user imports it: `import { train } from 'bitplane'`. */
export { type CalibrateOptions, calibrate } from './calibrate.js';
export {
  type Classifier,
  type EvaluateOptions,
  type Evaluation,
  evaluate,
} from './evaluate.js';
export { fit } from './fit.js';
export type { Callbacks, FitData, FitOptions, Fitted, StepReport } from './fit-options.js';
export type { EpochRecord } from './history.js';
export { type HistoryLog, openHistoryLog, readHistory } from './history-log.js';
export {
  type AttentionOptions,
  attentionMatching,
  crossEntropy,
  distillation,
  distributionalLoss,
  meanAbsoluteError,
  meanSquaredError,
} from './losses.js';
export {
  type AdamOptions,
  adam,
  adamW,
  type BopOptions,
  bop,
  type Optimizer,
  type RmsPropOptions,
  rmsProp,
  type SgdOptions,
  type Slot,
  type Stepped,
  sgd,
} from './optimizer.js';
export type { Progress, Schedule, ScheduleDescription } from './schedule.js';
export { scheduleOf } from './schedule-of.js';
export {
  type ConstantOptions,
  constant,
  cosine,
  type DecayOptions,
  linear,
  type MultiStepOptions,
  multiStep,
  type StepOptions,
  step,
} from './schedules.js';
export {
  type Loss,
  type LossParts,
  type ParameterGroup,
  type Teacher,
  type TrainingStep,
  type TrainingStepOptions,
  trainingStep,
} from './step.js';
export { type WarmUpOptions, warmUp } from './warm-up.js';
