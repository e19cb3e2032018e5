export declare function violations(
  root: string,
  bounded?: Readonly<Record<string, string>>,
): string[];
