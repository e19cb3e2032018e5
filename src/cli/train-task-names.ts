/**
 * What `bitplane train` takes in the place of a recipe's name: trainings that begin with a network
 * or a store. Not here: running them (./train-task.ts).
 */
import { TASK_METHODS } from '../fusion/choices.js';

export const TASK_TRAININGS = [...TASK_METHODS, 'grid'] as const;
export type TaskTraining = (typeof TASK_TRAININGS)[number];

export function isTaskTraining(name: string): name is TaskTraining {
  return (TASK_TRAININGS as readonly string[]).includes(name);
}
