import type { Mutant } from './sample.mjs';

export declare function nativeMutants(file: string, text: string): Mutant[];
