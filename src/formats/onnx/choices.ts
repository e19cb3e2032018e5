/**
 * Facts about an ONNX file that the caller knows and the file omits. Not here: their effect
 * (./ops).
 */

export const MULTI_THRESHOLD_AXES = ['layout', 'last'] as const;

/** How a QONNX file is understood where writers differ. */
export interface ImportChoices {
  /**
   * The axis that QONNX's `MultiThreshold` takes for the channels, at ranks other than 2 and 4.
   * 'layout' (default): the place of the C in `data_layout`, axis 1 where it has no C; so QONNX
   * since July 2025. 'last': the last axis; so QONNX from December 2023 until then.
   */
  readonly multiThresholdAxis?: (typeof MULTI_THRESHOLD_AXES)[number] | undefined;
}
