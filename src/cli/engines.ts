/**
 * Other engines by the names that --vs takes, and the package of each. Not here: running them
 * (./onnxruntime.ts).
 */
export const ENGINES = {
  onnxruntime: 'onnxruntime-node',
  'onnxruntime-web': 'onnxruntime-web',
} as const;

export type EngineName = keyof typeof ENGINES;
