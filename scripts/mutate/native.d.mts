/** The tests in the order in which they try a mutant: stages of files, each file once. */
export declare function stagesOf(mutant: { file: string }, tests: string[]): string[][];
