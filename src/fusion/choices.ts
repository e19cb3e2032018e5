/** What callers choose by name. Not here: what the choices mean (./add-task.ts and its like). */

/** How a task is added to a trunk. */
export const TASK_METHODS = ['classifier', 'packnet', 'piggyback'] as const;
/** One of `TASK_METHODS`: what a new task may change. */
export type TaskMethod = (typeof TASK_METHODS)[number];

/** Masks of Piggyback. */
export const MASK_KINDS = ['binary', 'ternary'] as const;
/** One of `MASK_KINDS`: 0 and 1, or -1, 0 and 1. */
export type MaskKind = (typeof MASK_KINDS)[number];

/** What becomes of shared exponents while a network is tuned on their grid. */
export const EXPONENT_RULES = ['frozen', 'learned'] as const;
/** One of `EXPONENT_RULES`: as they were, or trained with the weights. */
export type ExponentRule = (typeof EXPONENT_RULES)[number];
