export interface KeptNetwork {
  readonly name: string;
  readonly command: string;
  readonly recipe: string;
  readonly model: string;
  readonly dataset: 'cifar10' | 'mnist';
  readonly epochs: number;
  readonly seconds: number;
  readonly top1: number;
  readonly topFloat: number;
  readonly differing: number;
  readonly bytes: number;
}
export declare function kept(folder?: string): readonly KeptNetwork[];
export declare function pages(): Promise<ReadonlyMap<string, string>>;
