export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly start: number;
  readonly end: number;
  readonly original: string;
  readonly mutated: string;
  readonly kind: string;
}
export declare function nameOf(mutant: Mutant): string;
export declare function seeded(seed: string): () => number;
export declare function allot(
  total: number,
  lines: Readonly<Record<string, number>>,
): Record<string, number>;
export declare function ordered<M extends { readonly file: string; readonly line: number }>(
  mutants: readonly M[],
  next: () => number,
): M[];
