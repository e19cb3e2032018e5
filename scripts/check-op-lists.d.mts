export declare function violations(root: string): string[];
