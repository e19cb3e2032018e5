export interface Run {
  readonly machine: string;
  readonly results: readonly {
    readonly workload: string;
    readonly rows: readonly {
      readonly what: string;
      readonly value: number;
      readonly unit: string;
    }[];
  }[];
}
export function picked(run: Run): Run;
export function drawn(run: Run): string;
